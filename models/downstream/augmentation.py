"""Strong augmentation that preserves labels: each image of a batch is moved, turned, scaled, mirrored and recolored.

Labels are never resampled. An image is read through an affine map, and the same map gives, for every drawn pixel of the
augmented image, the source pixel whose label it has. So every task is augmented alike, thin classes survive, and depth
keeps its unit. Beyond its border an image continues with its last pixels, and the labels do the same.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images
from models.downstream.pairs import PixelImages
from models.tasks.task import LabelPx

# At strength 1: turns in degrees, the logarithm of the zoom, and shifts as shares of the image.
MAX_TURN_DEGREES = 15.0
MAX_LOG_ZOOM = 0.25
MAX_SHIFT = 0.1
# Brightness and tint in units of [-1, 1], noise as a standard deviation; contrast and saturation as factors.
MAX_BRIGHTNESS, MAX_TINT, MAX_NOISE = 0.15, 0.1, 0.06
MAX_CONTRAST, MAX_SATURATION = 0.3, 0.5

# Rows (x, y) of affine maps from normalized coordinates of the augmented image to those of its source.
Maps = Float[Tensor, "batch 2 3"]


@dataclass(frozen=True)
class Draws:
    """The geometry of one batch: its affine maps, and which images are mirrored."""

    maps: Maps
    are_mirrored: Tensor  # bool [batch]


def draw(count: int, *, strength: float, flip: bool, zoom: bool, rng: torch.Generator) -> Draws:
    """Return random maps. `zoom` must be off for depth: a larger object of the same depth would be a wrong label."""

    def uniform(limit: float) -> Tensor:
        return strength * limit * (2 * torch.rand(count, generator=rng) - 1)

    angle = uniform(math.radians(MAX_TURN_DEGREES))
    scale = uniform(MAX_LOG_ZOOM if zoom else 0.0).exp()
    shift = torch.stack([uniform(2 * MAX_SHIFT), uniform(2 * MAX_SHIFT)], dim=-1)
    mirrored = (torch.rand(count, generator=rng) < 0.5) & flip
    sign = torch.where(mirrored, -1.0, 1.0)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    # x is mirrored first, then turned and scaled: source = R [s x, y] + shift
    linear = torch.stack([cos * sign, -sin, sin * sign, cos], dim=-1).view(count, 2, 2)
    return Draws(torch.cat([linear, shift[:, :, None]], dim=2), mirrored)


def warp(images: PixelImages, draws: Draws) -> Images:
    """Return the images in [-1, 1], read bilinearly through their maps."""
    grid = F.affine_grid(draws.maps.to(images.device), list(images.shape), align_corners=False)
    floats = images.float() / 127.5 - 1.0
    return F.grid_sample(floats, grid, mode="bilinear", padding_mode="border", align_corners=False)


def sources(
    pixels: Int[Tensor, "batch count"], draws: Draws, px: LabelPx
) -> Int[Tensor, "batch count"]:
    """Return the source pixel of every pixel of the augmented images, both as flat indices row by row."""
    height, width = px
    # Pixel centers in [-1, 1], as `affine_grid` has them without aligned corners.
    x = (2 * (pixels % width) + 1) / width - 1
    y = (2 * (pixels // width) + 1) / height - 1
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)  # [batch, count, 3]
    source_x, source_y = (places @ draws.maps.to(pixels.device).transpose(1, 2)).unbind(-1)
    # The pixel that contains the place: the inverse of the first two lines.
    column = ((source_x + 1) * width / 2).floor().long().clamp(0, width - 1)
    row = ((source_y + 1) * height / 2).floor().long().clamp(0, height - 1)
    return row * width + column


def recolor(images: Images, *, strength: float, rng: torch.Generator) -> Images:
    """Blur or sharpen, change saturation, contrast, brightness and tint, and add noise, differently for each image."""
    count = len(images)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        values = torch.rand(count, channels, 1, 1, generator=rng)
        return (low + (high - low) * values).to(images.device)

    def factor(limit: float) -> Tensor:
        return 1.0 + strength * limit * uniform(-1.0, 1.0)

    softened = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = images + strength * uniform(-0.3, 1.0) * (softened - images)
    gray = images.mean(dim=1, keepdim=True)
    images = gray + factor(MAX_SATURATION) * (images - gray)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + factor(MAX_CONTRAST) * (images - mean)
    images = images + strength * (
        MAX_BRIGHTNESS * uniform(-1.0, 1.0) + MAX_TINT * uniform(-1.0, 1.0, 3)
    )
    noise = torch.randn(images.shape, generator=rng).to(images.device)
    return images + strength * MAX_NOISE * uniform(0.0, 1.0) * noise
