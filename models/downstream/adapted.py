"""Networks of other libraries in our units: images of any size in [-1, 1] in, maps out.

A caller builds the network, because this room imports no such library, and says how it normalizes images and which
sizes it takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, Images, Taps
from models.downstream.frozen import FeatureFunction

NetworkBuilder = Callable[[int], nn.Module]
"""From the number of outputs to a network with random first weights, drawn from torch's global random numbers.

It maps images [n, 3, h, w] in [-1, 1] to [n, outputs, h, w]. `last_layer` names its last convolution.
"""


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each color of the images that a network expects, for images in [0, 1]."""

    mean: Sequence[float]
    std: Sequence[float]


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class _Normalize(nn.Module):
    """Images in [-1, 1] to images in the normalization of a network."""

    def __init__(self, normalization: Normalization) -> None:
        super().__init__()
        mean, std = (torch.tensor(one) for one in (normalization.mean, normalization.std))
        # x in [-1, 1] is (x + 1) / 2 in [0, 1], and ((x + 1) / 2 - mean) / std = (x - (2 mean - 1)) / (2 std).
        # Not persistent: a stored state has only what training changes.
        self.register_buffer("shift", (2 * mean - 1)[:, None, None], persistent=False)
        self.register_buffer("factor", (1 / (2 * std))[:, None, None], persistent=False)

    def forward(self, images: Images) -> Images:
        assert isinstance(self.shift, torch.Tensor)
        assert isinstance(self.factor, torch.Tensor)
        return (images - self.shift) * self.factor


@final
class AdaptedNetwork(nn.Module):
    """A network that takes only multiples of some pixels, on images of any size.

    Images are padded at the right and the bottom with their last pixels, and the outputs are cut to their size.
    """

    def __init__(
        self, body: nn.Module, *, last_layer: str, multiple: int, normalization: Normalization
    ) -> None:
        """`last_layer` is the name of the last convolution in `body`, which must have a bias."""
        super().__init__()
        self.body = body
        self.last_layer = f"body.{last_layer}"
        self._multiple = multiple
        self._normalize = _Normalize(normalization)

    def forward(self, images: Images) -> FeatureMaps:
        height, width = images.shape[2:]
        pads = (0, -width % self._multiple, 0, -height % self._multiple)
        padded = F.pad(self._normalize(images), pads, mode="replicate")
        outputs: FeatureMaps = self.body(padded)[:, :, :height, :width]
        return outputs


@final
class AdaptedBackbone(nn.Module):
    """The features of a network that was trained on larger images.

    Images are enlarged until their longer side has at least `least_px` and both sides are multiples of `multiple`.
    """

    def __init__(
        self,
        body: nn.Module,
        features: FeatureFunction,
        *,
        multiple: int,
        least_px: int,
        normalization: Normalization,
    ) -> None:
        """`features` calls `body`."""
        super().__init__()
        self.body = body.eval().requires_grad_(False)
        self._features = features
        self._multiple, self._least_px = multiple, least_px
        self._normalize = _Normalize(normalization)

    def forward(self, images: Images) -> Taps:
        size = self._size((images.shape[2], images.shape[3]))
        if size != tuple(images.shape[2:]):
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=False)
        return self._features(self._normalize(images))

    def _size(self, px: tuple[int, int]) -> tuple[int, int]:
        scale = max(1.0, self._least_px / max(px))
        height, width = (-(-round(side * scale) // self._multiple) for side in px)
        return height * self._multiple, width * self._multiple
