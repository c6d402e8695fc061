"""Doubling and halving of feature maps with StyleGAN2's [1, 3, 3, 1] low-pass filter, as in its published code."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import FeatureMaps, OtherMaps

# Binomial coefficients, which sum to 8.
_TAPS = (1.0, 3.0, 3.0, 1.0)


def low_pass(channels: int, *, gain: float, like: Tensor) -> Tensor:
    """Return the separable 4x4 filter as a depthwise kernel [channels, 1, 4, 4]; its sum equals `gain`."""
    taps = torch.tensor(_TAPS, dtype=like.dtype, device=like.device)
    # [4] x [4] => [4, 4], whose sum is 64
    kernel = torch.outer(taps, taps) * (gain / taps.sum() ** 2)
    return kernel.expand(channels, 1, 4, 4)


def blur(x: FeatureMaps, *, padding: int, gain: float = 1.0) -> OtherMaps:
    """Filter each channel; pad `padding` zeros on all four sides.

    [n, c, h, w] => [n, c, h + 2 padding - 3, w + 2 padding - 3].
    """
    return F.conv2d(x, low_pass(x.shape[1], gain=gain, like=x), padding=padding, groups=x.shape[1])


def upsample(x: FeatureMaps) -> OtherMaps:
    """Double height and width: insert zeros between the pixels, then filter."""
    # Three of four inputs of the filter are inserted zeros: gain 4 keeps the mean.
    kernel = low_pass(x.shape[1], gain=4.0, like=x)
    # [n, c, h, w] => 2 (h - 1) + 4 - 2 = 2h rows; zeros and filter in one transposed convolution
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


def downsample(x: FeatureMaps) -> OtherMaps:
    """Halve height and width: filter, then keep every second pixel."""
    kernel = low_pass(x.shape[1], gain=1.0, like=x)
    # (h + 2 - 4) / 2 + 1 = h / 2 rows
    return F.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
