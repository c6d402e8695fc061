"""A perceptual distance in the features of SqueezeNet 1.1 (arXiv 1602.07360), whose weights the operator supplies.

Features of seven depths are normalised along their channels and compared, as LPIPS does (arXiv 1801.03924, equation 1);
with LPIPS's linear heads among the weights channels are weighed by them, without they all count alike.
"""

from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, Images, OtherMaps, Scores, Taps
from models.json_config import JsonConfig

# (squeeze, expand) widths by index in torchvision's `features`; pooling before the fires that are named here.
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
POOLED_BEFORE = (3, 6, 9)
TAPPED_AFTER = (4, 7, 9, 10, 11, 12)
TAP_CHANNELS = (64, 128, 256, 384, 384, 512, 512)
MAX_PX = 256

# What the two published sets of weights expect of pixels in 0..255: Caffe's blue-green-red means, and
# torchvision's means and deviations.
CAFFE_MEANS = (104.0, 117.0, 123.0)
TORCHVISION_MEANS, TORCHVISION_DEVIATIONS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True, kw_only=True)
class SqueezeNetConfig(JsonConfig):
    """What pixels the weights expect, and whether LPIPS's linear heads are among them."""

    pixels: Literal["caffe", "torchvision"] = "caffe"
    has_heads: bool = False


class Fire(nn.Module):
    """A 1x1 squeeze, then 1x1 and 3x3 expansions side by side (arXiv 1602.07360, section 3.2)."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: FeatureMaps) -> OtherMaps:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNet(nn.Module):
    """The convolutions of SqueezeNet 1.1 under torchvision's names; out come features of seven depths."""

    def __init__(self, config: SqueezeNetConfig) -> None:
        super().__init__()
        self.config = config
        self.features = nn.ModuleDict({"0": nn.Conv2d(3, 64, 3, stride=2)})
        inputs = 64
        for index, (squeezed, expanded) in FIRES.items():
            self.features[str(index)] = Fire(inputs, squeezed, expanded)
            inputs = 2 * expanded
        heads = TAP_CHANNELS if config.has_heads else ()
        self.heads = nn.ParameterList(torch.ones(channels) for channels in heads)

    def forward(self, images: Images) -> Taps:
        x = F.relu(self.features["0"](self._pixels(images)))
        taps = [x]
        for index in FIRES:
            if index in POOLED_BEFORE:
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
            x = self.features[str(index)](x)
            if index in TAPPED_AFTER:
                taps.append(x)
        return taps

    def _pixels(self, images: Images) -> Tensor:  # [-1, 1] => what the weights were trained on
        factor = max(images.shape[2:]) // MAX_PX
        pixels = (F.avg_pool2d(images, factor) if factor > 1 else images) * 127.5 + 127.5
        if self.config.pixels == "caffe":
            return pixels.flip(1) - pixels.new_tensor(CAFFE_MEANS)[:, None, None]
        means = pixels.new_tensor(TORCHVISION_MEANS)[:, None, None]
        return (pixels - means) / pixels.new_tensor(TORCHVISION_DEVIATIONS)[:, None, None]


@final
class SqueezeNetDistance:
    """Squared difference of unit feature vectors, mean over pixels, summed over channels, mean over depths.

    With linear heads the depths are summed, as in LPIPS.
    """

    def __init__(self, network: SqueezeNet) -> None:
        self.network = network

    def features(self, images: Images) -> Taps:
        return [F.normalize(tap, dim=1, eps=1e-10) for tap in self.network(images)]

    def between(self, a: Taps, b: Taps) -> Scores:
        heads = list(self.network.heads) or [None] * len(a)
        distances = [_depth(x, y, head) for x, y, head in zip(a, b, heads, strict=True)]
        total = sum(distances[1:], start=distances[0])
        return total if self.network.config.has_heads else total / len(distances)


def _depth(a: Tensor, b: Tensor, head: Tensor | None) -> Scores:
    differences = (a - b).square()
    if head is not None:
        differences = differences * head[:, None, None]
    return differences.sum(dim=1).mean(dim=(1, 2))


def build_squeezenet(config: dict[str, Any], tensors: dict[str, Tensor]) -> SqueezeNet:
    """A frozen network from its JSON and its tensors, which carry torchvision's names and, for the heads, LPIPS's.

    Raises:
        RuntimeError: tensors are missing, left over or of another shape.
    """
    heads = {k: v for k, v in tensors.items() if k.startswith("lin")}
    named = {k: v for k, v in tensors.items() if k.startswith("features.")}
    named |= {f"heads.{k[3]}": v.flatten() for k, v in heads.items()}
    network = SqueezeNet(SqueezeNetConfig.from_dict({**config, "has_heads": bool(heads)}))
    network.load_state_dict(named)
    return network.eval().requires_grad_(False)
