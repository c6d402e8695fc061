"""Hypercolumns: the generator's features at every pixel of the label, all taps upsampled bilinearly and stacked.

The whole stack (6,080 channels at label resolution for a 1024 px face generator) is never built: training reads it at
single pixels, and rendering moves the first linear layer below the upsampling (`ensemble.py`).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.arrays import FeatureMaps, OtherMaps


def upsample_to(x: FeatureMaps, px: tuple[int, int]) -> OtherMaps:
    """Bilinear, `align_corners=False`, no antialiasing: what "upsampled" means for every hypercolumn here."""
    if x.shape[2:] == px:
        return x
    return F.interpolate(x, size=px, mode="bilinear", align_corners=False)


def gather(
    taps: Sequence[Tensor], pixels: Int[Tensor, "batch count"], label_px: tuple[int, int]
) -> Float[Tensor, "batch count channels"]:
    """Hypercolumns at some pixels of each image, equal to upsampling every tap to `label_px` and picking them.

    `pixels` are flat indices (row * width + column) into the label.
    """
    grid = _sampling_grid(pixels, label_px)
    columns = [
        F.grid_sample(tap, grid, mode="bilinear", padding_mode="border", align_corners=False)
        for tap in taps
    ]
    return torch.cat(columns, dim=1)[:, :, 0].transpose(1, 2)


def _sampling_grid(
    pixels: Int[Tensor, "batch count"], label_px: tuple[int, int]
) -> Float[Tensor, "batch 1 count 2"]:
    """Pixel centres in `grid_sample`'s coordinates: -1 and 1 are the outer edges of the image."""
    height, width = label_px
    rows = torch.div(pixels, width, rounding_mode="floor")
    x = (2 * (pixels % width) + 1) / width - 1
    y = (2 * rows + 1) / height - 1
    return torch.stack([x, y], dim=-1)[:, None]
