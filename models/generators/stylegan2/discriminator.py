"""The residual StyleGAN2 discriminator: images in, one realness logit each out, or the features it sees them by."""

import math
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.arrays import Classes, FeatureMaps, Images, OtherMaps, Taps
from models.generators.stylegan2.config import DiscriminatorConfig
from models.generators.stylegan2.layers import (
    EqualizedConv,
    EqualizedLinear,
    activate,
    channels_last,
)
from models.generators.stylegan2.mapping import ClassMapping
from models.generators.stylegan2.resampling import downsample


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second halving the resolution.

    The residual architecture has a filtered 1x1 skip beside them (arXiv 1912.04958, figure 7c).
    """

    def __init__(self, inputs: int, outputs: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.conv0 = EqualizedConv(inputs, inputs, 3)
        self.conv1 = EqualizedConv(inputs, outputs, 3, down=True)
        residual = config.architecture == "resnet"
        self.skip = EqualizedConv(inputs, outputs, 1, down=True, bias=False) if residual else None
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps) -> OtherMaps:
        y = activate(self.conv1(activate(self.conv0(x), self.clamp)), self.clamp)
        if self.skip is None:
            return y
        return (y + self.skip(x)) * math.sqrt(0.5)  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    """Tells real images from generated ones; `features` gives its view of an image at every resolution."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        descending = config.channels[::-1]
        self.from_rgb = EqualizedConv(3, descending[0], 1)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(inputs, outputs, config) for inputs, outputs in pairwise(descending)
        )
        # In the skip architecture the halved image joins in after every block.
        self.from_smaller_rgb = nn.ModuleList(
            EqualizedConv(3, outputs, 1)
            for outputs in (descending[1:] if config.architecture == "skip" else ())
        )
        last = config.channels[0]
        self.conv = EqualizedConv(last + config.minibatch_std_channels, last, 3)
        self.dense = EqualizedLinear(last * math.prod(config.base_px), last)
        self.out = EqualizedLinear(last, last if config.num_classes else 1)
        self.mapping = ClassMapping(config) if config.num_classes else None

    def features(self, images: Images) -> Taps:
        """Output of every block, highest resolution first."""
        return self._passes(images)[0]

    def embed(self, images: Images) -> Float[Tensor, "batch embedding"]:
        """The last hidden layer, one vector per image: the features of our Frechet distance (FD-D)."""
        _, x = self._passes(images)
        if self.config.minibatch_std_channels:
            deviation = minibatch_deviation(
                x, self.config.minibatch_std_group, self.config.minibatch_std_channels
            )
            x = torch.cat([x, deviation], dim=1)
        x = activate(self.conv(x), self.config.conv_clamp)
        return activate(self.dense(x.flatten(1)))

    def forward(self, images: Images, classes: Classes | None = None) -> Float[Tensor, " batch"]:
        """One logit an image; a conditional network says how real it is as one of its class.

        Raises:
            ValueError: classes are missing, or were given to a network that knows none.
        """
        if (classes is None) != (self.mapping is None):
            known = self.config.num_classes
            raise ValueError(f"this discriminator knows {known} classes: give them where it does")
        out = self.out(self.embed(images))
        if self.mapping is None:
            return out[:, 0]  # type: ignore[no-any-return]
        # Projection (arXiv 1802.05637, equation 3), scaled as in StyleGAN2-ADA.
        return (out * self.mapping(classes)).sum(dim=1) / math.sqrt(out.shape[1])  # type: ignore[no-any-return]

    def _passes(self, images: Images) -> tuple[Taps, OtherMaps]:
        """Every block's output, and what the last layers go on from."""
        x = activate(self.from_rgb(images), self.config.conv_clamp)
        outputs: Taps = []
        for k, block in enumerate(self.blocks):
            x = block(x)
            outputs.append(x)
            if self.config.architecture == "skip":
                images = downsample(images)
                # Published networks clamp every such input but the last one.
                clamp = self.config.conv_clamp if k + 1 < len(self.blocks) else None
                x = x + activate(self.from_smaller_rgb[k](images), clamp)
        return outputs, x


def minibatch_deviation(
    x: FeatureMaps, group: int, channels: int = 1
) -> Float[Tensor, "batch deviations height width"]:
    """Mean standard deviation over groups of images (arXiv 1710.10196, section 3), as further channels.

    The largest group size that divides the batch is taken, so any batch size works.
    """
    batch, _, height, width = x.shape
    size = math.gcd(batch, group)
    grouped = x.view(size, -1, channels, x.shape[1] // channels, height, width)
    deviation = torch.sqrt(grouped.var(dim=0, unbiased=False) + 1e-8).mean(dim=(2, 3, 4))
    return deviation.repeat(size, 1)[:, :, None, None].expand(-1, -1, height, width)


def build_discriminator(config: dict[str, Any], tensors: dict[str, Tensor]) -> Discriminator:
    """A frozen discriminator in evaluation mode from its JSON and its tensors."""
    discriminator = Discriminator(DiscriminatorConfig.from_dict(config))
    discriminator.load_state_dict(tensors)
    return channels_last(discriminator).eval().requires_grad_(False)
