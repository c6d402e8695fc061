"""The StyleGAN2 discriminator: images [n, 3, h, w] to one realness logit each, or to features."""

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
    """Two convolutions; the second halves the resolution: [n, inputs, h, w] => [n, outputs, h / 2, w / 2].

    The residual architecture adds a filtered 1x1 shortcut (StyleGAN2, arXiv 1912.04958, figure 7c).
    """

    def __init__(self, inputs: int, outputs: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.conv0 = EqualizedConv(inputs, inputs, 3)
        self.conv1 = EqualizedConv(inputs, outputs, 3, down=True)
        residual = config.architecture == "resnet"
        self.skip = EqualizedConv(inputs, outputs, 1, down=True, bias=False) if residual else None
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps) -> OtherMaps:
        # conv0 [n, inputs, h, w] => conv1 with filter and stride 2 [n, outputs, h / 2, w / 2]
        y = activate(self.conv1(activate(self.conv0(x), self.clamp)), self.clamp)
        if self.skip is None:
            return y
        # The sum of two branches has twice the variance: sqrt(1/2) keeps it (StyleGAN2, section 4.1).
        return (y + self.skip(x)) * math.sqrt(0.5)  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    """Distinguishes real images from generated ones; `features` returns its feature maps at every resolution."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        # [n, 3, h, w] => [n, c, h, w] => blocks down to `base_px`; channels highest resolution first
        descending = config.channels[::-1]
        self.from_rgb = EqualizedConv(3, descending[0], 1)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(inputs, outputs, config) for inputs, outputs in pairwise(descending)
        )
        # The skip architecture adds the halved image after every block (figure 7b).
        self.from_smaller_rgb = nn.ModuleList(
            EqualizedConv(3, outputs, 1)
            for outputs in (descending[1:] if config.architecture == "skip" else ())
        )
        # The head at `base_px`: [n, c + std, 4, 4] => [n, c, 4, 4] => [n, c] => [n, 1], or [n, c] with classes
        last = config.channels[0]
        self.conv = EqualizedConv(last + config.minibatch_std_channels, last, 3)
        self.dense = EqualizedLinear(last * math.prod(config.base_px), last)
        self.out = EqualizedLinear(last, last if config.num_classes else 1)
        self.mapping = ClassMapping(config) if config.num_classes else None

    def features(self, images: Images) -> Taps:
        """Return the output of every block, highest resolution first: [n, c_k, h / 2^(k+1), w / 2^(k+1)]."""
        return self._block_outputs(images)[0]

    def embed(self, images: Images) -> Float[Tensor, "batch embedding"]:
        """Return the last hidden layer, one vector per image."""
        _, x = self._block_outputs(images)  # [n, c, 4, 4] for a base of 4 px
        if self.config.minibatch_std_channels:
            std = minibatch_std(
                x, self.config.minibatch_std_group, self.config.minibatch_std_channels
            )
            x = torch.cat([x, std], dim=1)
        # 3x3 convolution, then all pixels at once: [n, c + std, 4, 4] => [n, c, 4, 4] => [n, 16 c] => [n, c]
        x = activate(self.conv(x), self.config.conv_clamp)
        return activate(self.dense(x.flatten(1)))

    def forward(self, images: Images, classes: Classes | None = None) -> Float[Tensor, " batch"]:
        """Return one logit per image; a conditional network judges the image as a member of its class.

        Raises:
            ValueError: classes for an unconditional network, or none for a conditional one.
        """
        if (classes is None) != (self.mapping is None):
            raise ValueError(_classes_mismatch(self.config.num_classes))
        out = self.out(self.embed(images))
        if self.mapping is None:
            return out[:, 0]  # type: ignore[no-any-return]
        # The projection discriminator's inner product of class and image (arXiv 1802.05637), scaled as in the
        # StyleGAN2-ADA code: [n, c] x [n, c] => [n]
        return (out * self.mapping(classes)).sum(dim=1) / math.sqrt(out.shape[1])  # type: ignore[no-any-return]

    def _block_outputs(self, images: Images) -> tuple[Taps, OtherMaps]:
        """Return the output of every block, and the input of the last layers."""
        # [n, 3, h, w] => [n, c, h, w], a 1x1 convolution
        x = activate(self.from_rgb(images), self.config.conv_clamp)
        outputs: Taps = []
        for k, block in enumerate(self.blocks):
            x = block(x)
            outputs.append(x)  # before the sum with the smaller image
            if self.config.architecture == "skip":
                images = downsample(images)
                # Published networks clamp every such input but the last one.
                clamp = self.config.conv_clamp if k + 1 < len(self.blocks) else None
                x = x + activate(self.from_smaller_rgb[k](images), clamp)
        return outputs, x


def minibatch_std(
    x: FeatureMaps, group: int, channels: int = 1
) -> Float[Tensor, "batch stds height width"]:
    """Return the mean standard deviation over groups of images, as `channels` more channels.

    Progressive GAN (arXiv 1710.10196), section 3: it shows the discriminator how varied a batch is. The group size is
    the greatest common divisor of batch and `group`, so any batch size works.
    """
    batch, _, height, width = x.shape
    size = math.gcd(batch, group)
    # [n, c, h, w] => [size, groups, channels, c / channels, h, w]: a group is every (n / size)-th image
    grouped = x.view(size, -1, channels, x.shape[1] // channels, height, width)
    # std over the group, mean over features and pixels => [groups, channels]; 1e-8 keeps the root differentiable at 0
    std = torch.sqrt(grouped.var(dim=0, unbiased=False) + 1e-8).mean(dim=(2, 3, 4))
    return std.repeat(size, 1)[:, :, None, None].expand(-1, -1, height, width)


def build_discriminator(config: dict[str, Any], tensors: dict[str, Tensor]) -> Discriminator:
    """Return a frozen discriminator in evaluation mode from its JSON and its tensors.

    Raises:
        RuntimeError: a tensor is missing, unexpected or has another shape than the config.
    """
    discriminator = Discriminator(DiscriminatorConfig.from_dict(config))
    discriminator.load_state_dict(tensors)
    return channels_last(discriminator).eval().requires_grad_(False)


def _classes_mismatch(num_classes: int) -> str:
    if num_classes:
        return f"this discriminator is class-conditional: pass classes (0 to {num_classes - 1})"
    return "expected no classes, because this discriminator is unconditional; leave them out"
