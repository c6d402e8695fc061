"""A perceptual distance in the features of SqueezeNet 1.1 (arXiv 1602.07360), whose weights the operator supplies.

Features of seven depths are normalized along their channels and compared, as in LPIPS (arXiv 1801.03924, equation 1).
With LPIPS's linear heads each channel has a learned weight; without them all channels have the same weight.
Measured: weight 0.1 of it in the inversion gives 0.587 held-out mIoU, between pixels alone (0.579) and the default,
the discriminator's features (0.606; LOG.md, "Inversion, second weights").
"""

from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, Images, OtherMaps, Scores, Taps
from models.json_config import JsonConfig

# Index in torchvision's `features` => (squeeze, expand) widths. The indices in between are ReLU and pooling.
FIRES = {
    3: (16, 64),
    4: (16, 64),
    6: (32, 128),
    7: (32, 128),
    9: (48, 192),
    10: (48, 192),
    11: (64, 256),
    12: (64, 256),
}
POOLED_BEFORE = (3, 6, 9)  # 3 x 3 max pooling with stride 2 before these fire modules
# The seven depths of LPIPS: the first convolution and these fire modules.
TAPPED_AFTER = (4, 7, 9, 10, 11, 12)
TAP_CHANNELS = (64, 128, 256, 384, 384, 512, 512)
MAX_PX = 256  # larger images are averaged down by a whole factor, as StyleGAN2's projector does for its distance

# The pixel values that the two published sets of weights expect, in 0..255: Caffe's means in BGR order, and
# torchvision's means and standard deviations in RGB order (its 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225 times 255).
CAFFE_MEANS = (104.0, 117.0, 123.0)
TORCHVISION_MEANS, TORCHVISION_STDS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True, kw_only=True)
class SqueezeNetConfig(JsonConfig):
    """The pixel values that the weights expect, and whether the weights include LPIPS's linear heads."""

    pixels: Literal["caffe", "torchvision"] = "caffe"
    has_heads: bool = False


class Fire(nn.Module):
    """A 1x1 squeeze, then parallel 1x1 and 3x3 expansions (arXiv 1602.07360, section 3.2).

    [n, inputs, h, w] => [n, squeezed, h, w] => [n, 2 expanded, h, w].
    """

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: FeatureMaps) -> OtherMaps:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNet(nn.Module):
    """The convolutions of SqueezeNet 1.1 with torchvision's parameter names; returns features of seven depths."""

    def __init__(self, config: SqueezeNetConfig) -> None:
        super().__init__()
        self.config = config
        # The indices of torchvision's `nn.Sequential` as names, so that its checkpoints load.
        self.features = nn.ModuleDict({"0": nn.Conv2d(3, 64, 3, stride=2)})
        inputs = 64
        for index, (squeezed, expanded) in FIRES.items():
            self.features[str(index)] = Fire(inputs, squeezed, expanded)
            inputs = 2 * expanded
        # one weight per channel and depth: LPIPS's 1x1 convolutions to one channel
        heads = TAP_CHANNELS if config.has_heads else ()
        self.heads = nn.ParameterList(torch.ones(channels) for channels in heads)

    def forward(self, images: Images) -> Taps:
        # [n, 3, h, w] => [n, 64, h/2, w/2] => 128 at h/4 => 256 at h/8 => 384, 384, 512, 512 at h/16
        x = F.relu(self.features["0"](self._pixels(images)))
        taps = [x]
        for index in FIRES:
            if index in POOLED_BEFORE:
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
            x = self.features[str(index)](x)
            if index in TAPPED_AFTER:
                taps.append(x)
        return taps

    # [-1, 1] => the pixel values of the weights' training
    def _pixels(self, images: Images) -> Tensor:
        # [-1, 1] => [0, 255]
        factor = max(images.shape[2:]) // MAX_PX
        pixels = (F.avg_pool2d(images, factor) if factor > 1 else images) * 127.5 + 127.5
        if self.config.pixels == "caffe":
            # RGB => BGR
            return pixels.flip(1) - pixels.new_tensor(CAFFE_MEANS)[:, None, None]
        means = pixels.new_tensor(TORCHVISION_MEANS)[:, None, None]
        return (pixels - means) / pixels.new_tensor(TORCHVISION_STDS)[:, None, None]


@final
class SqueezeNetDistance:
    """The squared difference of unit feature vectors: summed over channels, mean over pixels, mean over depths.

    With linear heads the depths are summed, as in LPIPS (equation 1).
    """

    def __init__(self, network: SqueezeNet) -> None:
        self.network = network

    def features(self, images: Images) -> Taps:
        # a unit vector along the channels at every pixel; 1e-10 as in the code of LPIPS
        return [F.normalize(tap, dim=1, eps=1e-10) for tap in self.network(images)]

    def between(self, a: Taps, b: Taps) -> Scores:
        heads = list(self.network.heads) or [None] * len(a)
        # seven tensors [n]
        distances = [_depth(x, y, head) for x, y, head in zip(a, b, heads, strict=True)]
        total = sum(distances[1:], start=distances[0])
        return total if self.network.config.has_heads else total / len(distances)


def _depth(a: Tensor, b: Tensor, head: Tensor | None) -> Scores:
    # [n, c, h, w] => [n]. The published heads weigh the squares: w_l^2 of equation 1.
    differences = (a - b).square()
    if head is not None:
        differences = differences * head[:, None, None]
    return differences.sum(dim=1).mean(dim=(1, 2))


def build_squeezenet(config: dict[str, Any], tensors: dict[str, Tensor]) -> SqueezeNet:
    """Return a frozen network from its JSON and its tensors, named as in torchvision and, for the heads, in LPIPS.

    Raises:
        RuntimeError: a tensor is missing, unexpected or has another shape.
    """
    # "lin3.model.1.weight" [1, c, 1, 1] => "heads.3" [c]
    heads = {k: v for k, v in tensors.items() if k.startswith("lin")}
    named = {k: v for k, v in tensors.items() if k.startswith("features.")}
    named |= {f"heads.{k[3]}": v.flatten() for k, v in heads.items()}
    network = SqueezeNet(SqueezeNetConfig.from_dict({**config, "has_heads": bool(heads)}))
    network.load_state_dict(named)
    return network.eval().requires_grad_(False)
