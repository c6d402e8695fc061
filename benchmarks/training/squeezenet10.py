"""Image features of SqueezeNet 1.0 for a Frechet distance; the weights are outside the repository.

Another version than the one that a projected discriminator trains on (1.1), so that a recipe is not measured by
the features that it was trained to match. Both networks were trained on ImageNet, so some of the advantage stays.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.inversion.squeezenet import CAFFE_MEANS

FIRES = (3, 4, 5, 7, 8, 9, 10, 12)  # indices in torchvision's `features`
POOLED_BEFORE = (3, 7, 12)
LEAST_PX = 64  # smaller images are enlarged: the first convolution is 7 x 7 with a stride of 2
MICRO_BATCH = 50
# Names in the folder of weights: this network, and the one of projected discriminators
FILE_10, FILE_11 = "squeezenet1_0_compressed.npz", "squeezenet1_1_features.npz"


class SqueezeNet10:
    """The convolutions of SqueezeNet 1.0 (arXiv 1602.07360, table 1), named as in torchvision."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.weights = {name: torch.from_numpy(arrays[name]).float() for name in arrays.files}

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Float[Tensor, "batch 512"]:
        """Return the mean over all positions of the last fire module's output; images NCHW in [-1, 1]."""
        return torch.cat([self._features(part) for part in images.split(MICRO_BATCH)])

    def _features(self, images: Tensor) -> Tensor:
        factor = -(-LEAST_PX // max(images.shape[2:]))
        if factor > 1:
            images = F.interpolate(images, scale_factor=factor, mode="bilinear")
        # [-1, 1] RGB => [0, 255] BGR without the means
        pixels = (images.clamp(-1, 1) * 127.5 + 127.5).flip(1)
        x = pixels - torch.tensor(CAFFE_MEANS)[:, None, None]
        x = F.relu(self._convolution(x, "features.0", stride=2))
        for index in FIRES:
            if index in POOLED_BEFORE:
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
            x = F.relu(self._convolution(x, f"features.{index}.squeeze"))
            wide = self._convolution(x, f"features.{index}.expand3x3", padding=1)
            x = F.relu(torch.cat([self._convolution(x, f"features.{index}.expand1x1"), wide], 1))
        return x.mean(dim=(2, 3))

    def _convolution(self, x: Tensor, name: str, *, stride: int = 1, padding: int = 0) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)
