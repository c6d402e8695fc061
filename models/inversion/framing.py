"""Framing: compare how images are cropped with the generator's samples, and find one crop for all that matches best.

A generator trained on aligned images cannot move or zoom its subject. A Gaussian over thumbnails of its samples models
where objects are; the search moves and zooms all images alike and takes the framing with the most likely thumbnails.
Measured (decision 0010): images moved by an eighth or zoomed by 0.7 to 1.4 are recovered to the step of the search.
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

NUM_SAMPLES, SAMPLE_SEED, MICRO_BATCH = 256, 0, 16  # a fixed seed: the prior of a generator repeats
THUMBNAIL_PX = 16  # 3 x 16 x 16 = 768 numbers
NUM_COMPONENTS = 24  # of 256 samples; the other directions share one variance
SCALES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6)
SHIFTS = tuple(step / 16 for step in range(-4, 5))
# Around the best of the 9 x 9 x 9 framings: 3 x 3 x 3 at about half the step.
FINER_SCALES, FINER_SHIFTS = (0.94, 1.0, 1.06), (-1 / 32, 0.0, 1 / 32)
MAX_IMAGES = 64  # the search reads the first ones only
# A framing is reported when its gain is significant and at least this share of the images fits better.
CLEAR_SHARE = 0.75

Thumbnails = Float[Tensor, "batch numbers"]
Points = Float[Tensor, "batch points 3"]
Depths = Float[Tensor, "batch height width"]


@dataclass(frozen=True)
class Framing:
    """The part of every image that is used: centered at (0.5 + shift) of its width and height, 1 / scale as large.

    A scale above 1 crops, one below 1 pads.
    """

    scale: float = 1.0
    shift_x: float = 0.0  # as a share of the width
    shift_y: float = 0.0  # as a share of the height

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom as shares of the width and height; beyond 0..1 is padding."""
        half, x, y = 0.5 / self.scale, 0.5 + self.shift_x, 0.5 + self.shift_y
        return x - half, y - half, x + half, y + half

    @property
    def advice(self) -> str | None:
        """Advice for the owner of the images; None if they are framed as the samples are."""
        if self == Framing():
            return None
        left, top, right, bottom = (round(100 * edge) for edge in self.box)
        return (
            f"The images are framed differently from the generator's samples: the part from {left}% to {right}% of the"
            f" width and {top}% to {bottom}% of the height fits best. Crop (or pad) images and labels to it,"
            " or request framing 'center', which does this."
        )


@dataclass(frozen=True)
class FramingPrior:
    """A Gaussian over thumbnails of samples: a variance for each main direction, one variance for all others.

    Probabilistic PCA (Tipping and Bishop, "Probabilistic principal component analysis", 1999): its maximum-likelihood
    variance of the other directions is the mean of their eigenvalues.
    """

    mean: Float[Tensor, " numbers"]
    directions: Float[Tensor, "numbers components"]  # orthonormal columns
    variances: Float[Tensor, " components"]  # along the directions
    rest: Float[Tensor, ""]  # the variance along every other direction

    def misfit(self, thumbnails: Thumbnails) -> Scores:
        """Return how unlike samples each thumbnail is: squared deviations per number, about 1 for samples."""
        # Squared Mahalanobis distance. [n, numbers] @ [numbers, components] => coordinates along the main directions;
        # the rest of the squared length lies outside of them, by Pythagoras.
        centered = thumbnails - self.mean
        along = centered @ self.directions
        outside = centered.square().sum(dim=1) - along.square().sum(dim=1)
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
    # float64: 256 samples of 768 numbers give a covariance of low rank. `eigh` sorts from small to large.
    variances, directions = torch.linalg.eigh(torch.cov(thumbnails.t()))
    largest = slice(-NUM_COMPONENTS, None)
    rest = variances[:-NUM_COMPONENTS].mean().clamp(min=1e-6)
    return FramingPrior(
        mean.float(), directions[:, largest].float(), variances[largest].float(), rest.float()
    )


def find_framing(prior: FramingPrior, images: Images) -> Framing:
    """Return the framing of all images that fits the generator best; the identity if none is clearly better."""
    small = _small(images[:MAX_IMAGES])
    # 1. all combinations of scale and shift
    coarse = [Framing(*numbers) for numbers in product(SCALES, SHIFTS, SHIFTS)]
    best = min(coarse, key=lambda framing: _misfits(prior, small, framing).mean())
    if best == Framing():
        return best
    # 2. smaller steps around the best one
    finer = [
        Framing(best.scale * scale, best.shift_x + x, best.shift_y + y)
        for scale, x, y in product(FINER_SCALES, FINER_SHIFTS, FINER_SHIFTS)
    ]
    best = min(finer, key=lambda framing: _misfits(prior, small, framing).mean())
    # 3. is it better than the identity, image by image?
    gains = _misfits(prior, small, Framing()) - _misfits(prior, small, best)
    return best if _is_clear(gains) else Framing()


def reframe_images(images: Images, framing: Framing) -> Images:
    """Return the framed part at the size of the images; padding repeats the edge."""
    return _reframe(images, framing, "bilinear", "border")


def reframe_masks(masks: Masks, framing: Framing) -> Masks:
    """Return the same part of the masks; pixels outside them are ignored."""
    # Shifted by -255, so that the zeros outside of the mask become 255 = ignore.
    moved = _reframe(masks[:, None].double() - IGNORE_INDEX, framing, "nearest", "zeros")
    return (moved[:, 0].round() + IGNORE_INDEX).to(masks.dtype)


def reframe_depths(depths: Depths, framing: Framing) -> Depths:
    """Return the same part of the depths; pixels outside them are unknown (NaN)."""
    inside = _reframe(torch.ones_like(depths[:, None]), framing, "nearest", "zeros")
    # Values, unknown pixels and the outside are sampled separately: the zeros of the padding are no depths.
    known = _reframe(depths.nan_to_num()[:, None], framing, "nearest", "zeros")
    unknown = _reframe(depths.isnan()[:, None].to(depths.dtype), framing, "nearest", "zeros")
    return known.masked_fill((inside < 0.5) | (unknown > 0.5), math.nan)[:, 0]


def reframe_points(points: Points, framing: Framing, px: tuple[int, int]) -> Points:
    """Return x, y in px of the framed images (height, width); visibility becomes 0 for points outside them."""
    height, width = px
    left, top, right, bottom = framing.box
    # share of the width => share of the box => px
    x = (points[..., 0] / width - left) / (right - left) * width
    y = (points[..., 1] / height - top) / (bottom - top) * height
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return torch.stack([x, y, points[..., 2] * inside], dim=-1)


def _reframe(maps: FeatureMaps, framing: Framing, mode: str, padding: str) -> FeatureMaps:
    # `affine_grid` maps output to input in coordinates from -1 to 1: extent 1 / scale, shifts twice as large
    extent, x, y = 1.0 / framing.scale, 2.0 * framing.shift_x, 2.0 * framing.shift_y
    rows = maps.new_tensor([[extent, 0.0, x], [0.0, extent, y]])
    grid = F.affine_grid(rows.expand(len(maps), 2, 3), list(maps.shape), align_corners=False)
    return F.grid_sample(maps, grid, mode=mode, padding_mode=padding, align_corners=False)


def _misfits(prior: FramingPrior, images: Images, framing: Framing) -> Scores:
    return prior.misfit(_thumbnails(reframe_images(images, framing)))


def _is_clear(gains: Scores) -> bool:
    """Return whether the mean gain is above two standard errors and most images gain."""
    # standard error of the mean; infinite for a single image, which is never clear
    error = gains.std() / math.sqrt(len(gains)) if len(gains) > 1 else gains.new_tensor(math.inf)
    most = (gains > 0).float().mean() >= CLEAR_SHARE
    return bool((gains.mean() > 2.0 * error) & most)


def _small(images: Images) -> Images:
    """Reduce to twice a thumbnail's size, enough to move by half a pixel of a thumbnail."""
    factor = max(1, min(images.shape[2:]) // (2 * THUMBNAIL_PX))
    return F.avg_pool2d(images, factor)


def _thumbnails(images: Images) -> Thumbnails:
    return F.adaptive_avg_pool2d(images, THUMBNAIL_PX).flatten(1)
