"""Hypercolumns: the generator's features at a pixel of the label, all taps upsampled bilinearly and concatenated.

They are the features of HandsOff (arXiv 2212.12645). The whole map (6,080 channels for a 1024 px generator, 6.4 GB per
image in float32 at label resolution) is never built: training reads it at single pixels, and rendering applies the
first linear layer before the upsampling (`lean_head.py`).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.arrays import FeatureMaps, OtherMaps


def upsample_to(x: FeatureMaps, px: tuple[int, int]) -> OtherMaps:
    """Resize maps bilinearly, `align_corners=False`, without antialiasing: the definition for every hypercolumn."""
    if x.shape[2:] == px:  # bilinear resizing to the same size is the identity
        return x
    return F.interpolate(x, size=px, mode="bilinear", align_corners=False)


def gather(
    taps: Sequence[Tensor], pixels: Int[Tensor, "batch count"], label_px: tuple[int, int]
) -> Float[Tensor, "batch count channels"]:
    """Return hypercolumns at some pixels of each image, equal to those of taps upsampled to `label_px`.

    `pixels` are flat indices (row * width + column) into the label.
    """
    # `grid_sample` at pixel centers with border padding has the bilinear weights of `interpolate`, also at the edge.
    grid = _sampling_grid(pixels, label_px)  # the same for taps of every size
    columns = [
        F.grid_sample(tap, grid, mode="bilinear", padding_mode="border", align_corners=False)
        for tap in taps
    ]
    # each [n, c_l, 1, count] => [n, sum of c_l, 1, count] => [n, count, channels]
    return torch.cat(columns, dim=1)[:, :, 0].transpose(1, 2)


def _sampling_grid(
    pixels: Int[Tensor, "batch count"], label_px: tuple[int, int]
) -> Float[Tensor, "batch 1 count 2"]:
    """Return pixel centers in the coordinates of `grid_sample`: -1 and 1 are the outer edges of the image."""
    height, width = label_px
    rows = torch.div(pixels, width, rounding_mode="floor")
    # center of column i at (i + 1/2) / width of the image, in [0, 1] => [-1, 1]
    x = (2 * (pixels % width) + 1) / width - 1
    y = (2 * rows + 1) / height - 1
    return torch.stack([x, y], dim=-1)[:, None]
