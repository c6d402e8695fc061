"""The residual StyleGAN2 discriminator: images in, one realness logit each out, or the features it sees them by."""

import math
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.arrays import FeatureMaps, Images, OtherMaps, Taps
from models.stylegan2.config import DiscriminatorConfig
from models.stylegan2.layers import EqualizedConv, EqualizedLinear, activate, channels_last


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second halving the resolution, beside a filtered 1x1 skip (arXiv 1912.04958, figure 7c)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = EqualizedConv(inputs, inputs, 3)
        self.conv1 = EqualizedConv(inputs, outputs, 3, down=True)
        self.skip = EqualizedConv(inputs, outputs, 1, down=True, bias=False)

    def forward(self, x: FeatureMaps) -> OtherMaps:
        y = activate(self.conv1(activate(self.conv0(x))))
        return (y + self.skip(x)) * math.sqrt(0.5)  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    """Tells real images from generated ones; `features` gives its view of an image at every resolution."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        descending = config.channels[::-1]
        self.from_rgb = EqualizedConv(3, descending[0], 1)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(inputs, outputs) for inputs, outputs in pairwise(descending)
        )
        last = config.channels[0]
        self.conv = EqualizedConv(last + 1, last, 3)
        self.dense = EqualizedLinear(last * math.prod(config.base_px), last)
        self.out = EqualizedLinear(last, 1)

    def features(self, images: Images) -> Taps:
        """Output of every residual block, highest resolution first."""
        x = activate(self.from_rgb(images))
        outputs: Taps = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs

    def embed(self, images: Images) -> Float[Tensor, "batch embedding"]:
        """The last hidden layer, one vector per image: the features of our Frechet distance (FD-D)."""
        x = self.features(images)[-1]
        x = torch.cat([x, minibatch_deviation(x, self.config.minibatch_std_group)], dim=1)
        return activate(self.dense(activate(self.conv(x)).flatten(1)))

    def forward(self, images: Images) -> Float[Tensor, " batch"]:
        return self.out(self.embed(images))[:, 0]  # type: ignore[no-any-return]


def minibatch_deviation(x: FeatureMaps, group: int) -> Float[Tensor, "batch 1 height width"]:
    """Mean standard deviation over groups of images (arXiv 1710.10196, section 3), as one more channel.

    The largest group size that divides the batch is taken, so any batch size works.
    """
    batch, _, height, width = x.shape
    size = math.gcd(batch, group)
    grouped = x.view(size, -1, *x.shape[1:])
    deviation = torch.sqrt(grouped.var(dim=0, unbiased=False) + 1e-8).mean(dim=(1, 2, 3))
    return deviation.repeat(size).view(-1, 1, 1, 1).expand(batch, 1, height, width)


def build_discriminator(config: dict[str, Any], tensors: dict[str, Tensor]) -> Discriminator:
    """A frozen discriminator in evaluation mode from its JSON and its tensors."""
    discriminator = Discriminator(DiscriminatorConfig.from_dict(config))
    discriminator.load_state_dict(tensors)
    return channels_last(discriminator).eval().requires_grad_(False)
