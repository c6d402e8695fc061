"""The downstream network: a compact U-Net for small images, sized for one CPU core.

Ronneberger et al. 2015 (arXiv 1505.04597) with batch normalization. Half of a U-Net's time goes into its convolutions
at full resolution, so here 2 x 2 pixels become channels first (12 of them), and the features are enlarged at the end,
where a thin layer joins them with the pixels.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch
from torch import nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, Images, OtherMaps
from models.json_config import JsonConfig

FULL_CHANNELS = 16  # at full resolution


@dataclass(frozen=True, kw_only=True)
class UNetConfig(JsonConfig):
    """Outputs at every pixel, and channels at half, quarter, eighth... of the resolution."""

    outputs: int
    channels: tuple[int, ...]


class Block(nn.Sequential):
    """3 x 3 convolution, batch normalization, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


@final
class UNet(nn.Module):
    """Images [n, 3, h, w] in [-1, 1] to outputs [n, outputs, h, w]; any height and width."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        steps = list(pairwise(widths))
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), Block(12, widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(Block(fine, coarse, stride=2), Block(coarse, coarse))
            for fine, coarse in steps
        )
        # Channels are reduced before the enlargement, at a quarter of the cost.
        self.reduce = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in reversed(steps))
        self.up = nn.ModuleList(Block(2 * fine, fine) for fine, _ in reversed(steps))
        self.enlarge = nn.Conv2d(widths[0], FULL_CHANNELS, 1)
        self.full = Block(FULL_CHANNELS + 3, FULL_CHANNELS)
        self.head = nn.Conv2d(FULL_CHANNELS, config.outputs, 1)

    def forward(self, images: Images) -> FeatureMaps:
        height, width = images.shape[2:]
        # The coarsest maps are 2 ** len(channels) times smaller than the image.
        multiple = 2 ** len(self.config.channels)
        padded = F.pad(images, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        features = [self.stem(padded)]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()
        for reduce, up in zip(self.reduce, self.up, strict=True):
            x = up(torch.cat([_doubled(reduce(x)), features.pop()], dim=1))
        x = self.full(torch.cat([_doubled(self.enlarge(x)), padded], dim=1))
        outputs: FeatureMaps = self.head(x)[:, :, :height, :width]
        return outputs


def _doubled(maps: OtherMaps) -> FeatureMaps:
    return F.interpolate(maps, scale_factor=2.0, mode="nearest")
