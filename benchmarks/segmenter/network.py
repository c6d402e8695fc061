"""Network of the reference segmenter: images to a class for every pixel. Height and width are multiples of 8 pixels.

It is a small U-Net (Ronneberger et al. 2015, arXiv 1505.04597) with 0.4 million parameters, so two CPU cores can train
it and label thousands of generated images.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class SegmenterConfig:
    """Number of classes, and channels at full, half, quarter and eighth resolution."""

    num_classes: int
    channels: tuple[int, ...] = (16, 32, 64, 128)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object that `from_dict` reads."""
        return asdict(self) | {"channels": list(self.channels)}

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> "SegmenterConfig":
        """Return the configuration that `to_dict` wrote. Other keys are ignored."""
        return cls(config["num_classes"], tuple(config["channels"]))


class _Block(nn.Sequential):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class Segmenter(nn.Module):
    """NCHW float32 in [-1, 1] => logits [n, num_classes, height, width]."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        self.stem = _Block(3, widths[0])
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(
            nn.Sequential(_Block(fine, coarse, stride=2), _Block(coarse, coarse))
            for fine, coarse in steps
        )
        # Channels are reduced before upsampling, at a quarter of the cost.
        self.reduce = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in reversed(steps))
        self.up = nn.ModuleList(_Block(2 * fine, fine) for fine, _ in reversed(steps))
        self.classify = nn.Conv2d(widths[0], config.num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = [self.stem(images)]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()
        for reduce, up in zip(self.reduce, self.up, strict=True):
            x = F.interpolate(reduce(x), scale_factor=2.0, mode="nearest")
            x = up(torch.cat([x, features.pop()], dim=1))
        logits: Tensor = self.classify(x)
        return logits


def build_segmenter(config: dict[str, Any], tensors: dict[str, Tensor]) -> Segmenter:
    """Build the network in evaluation mode from its stored configuration and tensors."""
    segmenter = Segmenter(SegmenterConfig.from_dict(config))
    segmenter.load_state_dict(tensors)
    return segmenter.eval().requires_grad_(False)


def to_input(images: NDArray[np.uint8]) -> Tensor:
    """Convert pixels: uint8 [n, h, w, 3] => NCHW float32 in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0


@torch.no_grad()
def segment(
    segmenter: Segmenter, images: NDArray[np.uint8], *, micro_batch: int = 128
) -> NDArray[np.uint8]:
    """Label pixels: uint8 [n, h, w, 3] => most likely class, uint8 [n, h, w]."""
    masks = np.empty(images.shape[:3], np.uint8)
    for start in range(0, len(images), micro_batch):
        stop = start + micro_batch
        masks[start:stop] = segmenter(to_input(images[start:stop])).argmax(dim=1).numpy()
    return masks
