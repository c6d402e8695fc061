"""Framing: whether images are cropped as the generator's samples are, and which single crop would make them so.

A generator trained on aligned pictures cannot move or zoom its subject. Thumbnails of its samples show where it puts
things; all images are moved and zoomed alike until their thumbnails look most like samples.
"""

import math
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import IGNORE_INDEX, FeatureMaps, Images, Masks, Scores
from models.generators.generator import Generator
from models.sampling import RandomDraws

NUM_SAMPLES, SAMPLE_SEED, MICRO_BATCH = 256, 0, 16
THUMBNAIL_PX = 16
NUM_COMPONENTS = 24
SCALES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6)
SHIFTS = tuple(step / 16 for step in range(-4, 5))
FINER_SCALES, FINER_SHIFTS = (0.94, 1.0, 1.06), (-1 / 32, 0.0, 1 / 32)
MAX_IMAGES = 64
CLEAR_SHARE = 0.75
"""A framing is reported when its gain is significant and this share of the images fits better."""

Thumbnails = Float[Tensor, "batch numbers"]
Points = Float[Tensor, "batch points 3"]
Depths = Float[Tensor, "batch height width"]


@dataclass(frozen=True)
class Framing:
    """The part of every image that is used: centred at (0.5 + shift) of its width and height, 1 / scale as large.

    A scale above 1 crops, one below 1 pads.
    """

    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom as shares of the width and height; beyond 0..1 is padding."""
        half, x, y = 0.5 / self.scale, 0.5 + self.shift_x, 0.5 + self.shift_y
        return x - half, y - half, x + half, y + half

    @property
    def advice(self) -> str | None:
        """One sentence for the owner of the images; None where they are framed as the samples are."""
        if self == Framing():
            return None
        left, top, right, bottom = (round(100 * edge) for edge in self.box)
        return (
            f"The images are framed otherwise than the generator's own: the part from {left}% to {right}% of the"
            f" width and {top}% to {bottom}% of the height fits it best. Crop (or pad) images and labels to it,"
            " or request framing 'center', which does so."
        )


@dataclass(frozen=True)
class FramingPrior:
    """A Gaussian over thumbnails of samples: the main directions one by one, the rest with one variance.

    Probabilistic PCA (Tipping and Bishop 1999, equations 4 and 8 of "Probabilistic principal component analysis").
    """

    mean: Float[Tensor, " numbers"]
    directions: Float[Tensor, "numbers components"]
    variances: Float[Tensor, " components"]
    rest: Float[Tensor, ""]

    def misfit(self, thumbnails: Thumbnails) -> Scores:
        """Return how unlike samples each thumbnail is: squared deviations per number, about 1 for samples."""
        centred = thumbnails - self.mean
        along = centred @ self.directions
        outside = centred.square().sum(dim=1) - along.square().sum(dim=1)
        inside = (along.square() / self.variances).sum(dim=1)
        return (inside + outside.clamp(min=0) / self.rest) / thumbnails.shape[1]


def measure_framing(generator: Generator, micro_batch: int = MICRO_BATCH) -> FramingPrior:
    """Measure 256 samples of a fixed seed, `micro_batch` of them at once."""
    with torch.no_grad():
        parts = [
            _thumbnails(generator.synthesize(generator.sample(draws)).images.clamp(-1, 1))
            for draws in RandomDraws.seeded(SAMPLE_SEED, NUM_SAMPLES).split(micro_batch)
        ]
    thumbnails = torch.cat(parts).double()
    mean = thumbnails.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov(thumbnails.t()))
    kept = slice(-NUM_COMPONENTS, None)
    rest = variances[:-NUM_COMPONENTS].mean().clamp(min=1e-6)
    return FramingPrior(
        mean.float(), directions[:, kept].float(), variances[kept].float(), rest.float()
    )


def find_framing(prior: FramingPrior, images: Images) -> Framing:
    """Return the framing of all images that fits the generator best; the identity where none is clearly better."""
    small = _small(images[:MAX_IMAGES])
    coarse = [Framing(*numbers) for numbers in product(SCALES, SHIFTS, SHIFTS)]
    best = min(coarse, key=lambda framing: _misfits(prior, small, framing).mean())
    if best == Framing():
        return best
    finer = [
        Framing(best.scale * scale, best.shift_x + x, best.shift_y + y)
        for scale, x, y in product(FINER_SCALES, FINER_SHIFTS, FINER_SHIFTS)
    ]
    best = min(finer, key=lambda framing: _misfits(prior, small, framing).mean())
    gains = _misfits(prior, small, Framing()) - _misfits(prior, small, best)
    return best if _is_clear(gains) else Framing()


def reframe_images(images: Images, framing: Framing) -> Images:
    """Return the framed part at the size of the images; edges are continued outwards."""
    return _reframe(images, framing, "bilinear", "border")


def reframe_masks(masks: Masks, framing: Framing) -> Masks:
    """Return the same part of the masks; pixels outside them are ignored."""
    moved = _reframe(masks[:, None].double() - IGNORE_INDEX, framing, "nearest", "zeros")
    return (moved[:, 0].round() + IGNORE_INDEX).to(masks.dtype)


def reframe_depths(depths: Depths, framing: Framing) -> Depths:
    """Return the same part of the depths; pixels outside them are unknown (NaN)."""
    inside = _reframe(torch.ones_like(depths[:, None]), framing, "nearest", "zeros")
    known = _reframe(depths.nan_to_num()[:, None], framing, "nearest", "zeros")
    unknown = _reframe(depths.isnan()[:, None].to(depths.dtype), framing, "nearest", "zeros")
    return known.masked_fill((inside < 0.5) | (unknown > 0.5), math.nan)[:, 0]


def reframe_points(points: Points, framing: Framing, px: tuple[int, int]) -> Points:
    """Return x, y in px of the framed images (height, width); visibility becomes 0 for points outside them."""
    height, width = px
    left, top, right, bottom = framing.box
    x = (points[..., 0] / width - left) / (right - left) * width
    y = (points[..., 1] / height - top) / (bottom - top) * height
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return torch.stack([x, y, points[..., 2] * inside], dim=-1)


def _reframe(maps: FeatureMaps, framing: Framing, mode: str, padding: str) -> FeatureMaps:
    extent, x, y = 1.0 / framing.scale, 2.0 * framing.shift_x, 2.0 * framing.shift_y
    rows = maps.new_tensor([[extent, 0.0, x], [0.0, extent, y]])
    grid = F.affine_grid(rows.expand(len(maps), 2, 3), list(maps.shape), align_corners=False)
    return F.grid_sample(maps, grid, mode=mode, padding_mode=padding, align_corners=False)


def _misfits(prior: FramingPrior, images: Images, framing: Framing) -> Scores:
    return prior.misfit(_thumbnails(reframe_images(images, framing)))


def _is_clear(gains: Scores) -> bool:
    """Return whether the mean gain is above two standard errors and most images gain."""
    error = gains.std() / math.sqrt(len(gains)) if len(gains) > 1 else gains.new_tensor(math.inf)
    most = (gains > 0).float().mean() >= CLEAR_SHARE
    return bool((gains.mean() > 2.0 * error) & most)


def _small(images: Images) -> Images:
    """Reduce to twice a thumbnail's size, enough to move by half a pixel of a thumbnail."""
    factor = max(1, min(images.shape[2:]) // (2 * THUMBNAIL_PX))
    return F.avg_pool2d(images, factor)


def _thumbnails(images: Images) -> Thumbnails:
    return F.adaptive_avg_pool2d(images, THUMBNAIL_PX).flatten(1)
