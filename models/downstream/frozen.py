"""A rival that needs no generator: the features of a frozen network with a small trained head on real images.

The network is a function from images to feature maps, so any backbone fits (a mounted SqueezeNet, a vision
transformer). Its maps are reduced at their own resolution and enlarged afterwards: the same sums at a fraction of the
cost.
"""

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, Images, Taps
from models.downstream.unet import Block

# Images [n, 3, h, w] in [-1, 1] to feature maps [n, channels, height, width] of any sizes.
FeatureFunction = Callable[[Images], Taps]
HEAD_CHANNELS = 64


@final
class FrozenHead(nn.Module):
    """A head with two hidden layers on the features of a frozen network; its outputs have the size of the images."""

    def __init__(
        self, features: FeatureFunction, tap_channels: Sequence[int], outputs: int
    ) -> None:
        super().__init__()
        # In a tuple: a module would become a part of this one, and be trained and stored with it.
        self._features = (features,)
        # Normalized per channel first: taps differ in scale by orders of magnitude.
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in tap_channels)
        self.reduce = nn.ModuleList(
            nn.Conv2d(channels, HEAD_CHANNELS, 1, bias=False) for channels in tap_channels
        )
        self.first = nn.Sequential(nn.BatchNorm2d(HEAD_CHANNELS), nn.ReLU())
        self.second = Block(HEAD_CHANNELS, HEAD_CHANNELS)
        self.head = nn.Conv2d(HEAD_CHANNELS, outputs, 1)

    def forward(self, images: Images) -> FeatureMaps:
        with torch.no_grad():
            taps = self._features[0](images)
        size, total = list(images.shape[2:]), torch.zeros((), device=images.device)
        for tap, norm, reduce in zip(taps, self.norms, self.reduce, strict=True):
            total = total + _enlarged(reduce(norm(tap)), size)
        outputs: FeatureMaps = self.head(self.second(self.first(total)))
        return outputs


@torch.no_grad()
def tap_channels(features: FeatureFunction, images: Images) -> list[int]:
    """Return the channels of each feature map. Raise ValueError when the function returns none."""
    channels = [tap.shape[1] for tap in features(images)]
    if not channels:
        raise ValueError("expected at least one feature map from the frozen network, got none")
    return channels


def _enlarged(maps: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
