"""The encoder that starts an inversion: images in, W+ codes out, in a few passes of one network.

Its trunk is that of the discriminator, which was trained on this domain (as in InvGAN, arXiv 2112.04598). One head
reads the coarsest features and predicts every layer's code; finer features correct the layers of finer detail (the idea
of pSp, arXiv 2008.00951, section 3, with two small heads instead of eighteen). Each pass after the first also sees the
image of the codes so far and corrects them (ReStyle, arXiv 2104.02699, section 3).

Measured after 4,000 samples, PSNR on samples and on renderings (decision 0010): one head and one pass 20.97 and
16.57 dB, finer heads 21.97 and 17.09, two passes too (kept) 22.24 and 17.2.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, Images, StyleCodes
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.layers import (
    EqualizedConv,
    EqualizedLinear,
    activate,
    channels_last,
)
from models.json_config import JsonConfig

# Larger images are averaged down to this size, the input of e4e, pSp and ReStyle.
MAX_INPUT_PX = 256
# The first layer that each finer head corrects: the first convolutions of 16 px and 64 px. pSp has the same limits:
# coarse styles 0 to 2, medium 3 to 6, fine from 7 on.
FINER_LAYERS = (3, 7)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(JsonConfig):
    """The sizes of the trunk, which are those of a discriminator, and of the heads."""

    channels: tuple[int, ...]  # lowest resolution first
    base_px: tuple[int, int]
    num_ws: int
    w_dim: int
    hidden: int = 256  # units of every head
    finer_channels: int = 0  # of finer features in their heads; 0 = no finer heads
    num_passes: int = 1  # above 1 the network also reads the reconstruction

    @classmethod
    def for_generator(
        cls, generator: GeneratorConfig, trunk: DiscriminatorConfig | None
    ) -> "EncoderConfig":
        """Return the config for a generator: its discriminator's trunk; without one, the generator's channels."""
        shape = generator if trunk is None else trunk
        # Leave out the highest resolutions until the input is small enough; channels are lowest resolution first.
        num_blocks = len(shape.channels)
        while max(shape.base_px) << (num_blocks - 1) > MAX_INPUT_PX and num_blocks > 1:
            num_blocks -= 1
        return cls(
            channels=shape.channels[:num_blocks],
            base_px=shape.base_px,
            num_ws=generator.num_ws,
            w_dim=generator.w_dim,
            finer_channels=32,
            num_passes=2,
        )

    @property
    def input_px(self) -> tuple[int, int]:
        # a base of 4 px and 5 blocks: 4 doublings, 64 px
        height, width = self.base_px
        doublings = len(self.channels) - 1
        return height << doublings, width << doublings


class FinerHead(nn.Module):
    """Features of a finer scale to corrections of the layers from `first_layer` on.

    [n, c, h, w] => [n, finer_channels, 8, 8] => [n, hidden] => [n, (num_ws - first_layer) w_dim], for a base of 4 x 4.
    """

    def __init__(self, config: EncoderConfig, inputs: int, first_layer: int) -> None:
        super().__init__()
        self.first_layer = first_layer
        self.pooled_px = (2 * config.base_px[0], 2 * config.base_px[1])
        self.neck = EqualizedConv(inputs, config.finer_channels, 1)
        self.dense = EqualizedLinear(
            config.finer_channels * math.prod(self.pooled_px), config.hidden
        )
        self.out = EqualizedLinear(config.hidden, (config.num_ws - first_layer) * config.w_dim)
        # Zero weights: the encoder begins with the coarse head's prediction alone.
        nn.init.zeros_(self.out.weight)

    def forward(self, features: FeatureMaps) -> Tensor:
        # Pooled to twice the base, so that the dense layer has the same size for every resolution.
        x = F.adaptive_avg_pool2d(activate(self.neck(features)), self.pooled_px)
        return self.out(activate(self.dense(x.flatten(1))))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Predicts the change of codes that brings their images to `images`, in standard deviations of the codes."""

    w_mean: Tensor
    w_deviation: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        trunk = Discriminator(DiscriminatorConfig(channels=config.channels, base_px=config.base_px))
        self.from_rgb, self.blocks = trunk.from_rgb, trunk.blocks
        if config.num_passes > 1:
            # Input: the difference of image and reconstruction. The reconstruction itself, as in ReStyle, with three
            # passes: 21.54 dB on samples after two passes, 19.96 after three (decision 0010).
            self.from_difference = EqualizedConv(3, config.channels[-1], 1, bias=False)
        # The coarse head: [n, c, 4, 4] => [n, 16 c] => [n, hidden] => [n, num_ws w_dim]. Zero weights: the first
        # prediction is the mean code.
        flat = config.channels[0] * math.prod(config.base_px)
        self.dense = EqualizedLinear(flat, config.hidden)
        self.out = EqualizedLinear(config.hidden, config.num_ws * config.w_dim)
        nn.init.zeros_(self.out.weight)
        self.finer = nn.ModuleList(
            FinerHead(config, inputs, first_layer)
            for inputs, first_layer in zip(config.channels[1:-1], FINER_LAYERS, strict=False)
            if config.finer_channels and first_layer < config.num_ws
        )
        self.register_buffer("w_mean", torch.zeros(config.w_dim))
        self.register_buffer("w_deviation", torch.ones(config.w_dim))

    def forward(self, images: Images, reconstructions: Images, codes: StyleCodes) -> StyleCodes:
        """Return corrected codes [n, num_ws, w_dim]; `reconstructions` are the images of `codes`."""
        x = self.from_rgb(self._resized(images))
        if self.config.num_passes > 1:
            x = x + self.from_difference(self._resized(images - reconstructions))
        # The same trunk as the discriminator's; features of every block: h / 2, h / 4, ... down to the base
        x, features = activate(x), []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        # The coarse head predicts all layers; each finer head adds to the layers from its first on.
        layers = (len(images), -1, self.config.w_dim)
        correction = self.out(activate(self.dense(x.flatten(1)))).view(layers)
        for head, finer in zip(self.finer, reversed(features[:-1]), strict=False):
            assert isinstance(head, FinerHead)
            # [n, num_ws - first_layer, w_dim], zeros for the layers before
            change = head(finer).view(layers)
            correction = correction + F.pad(change, (0, 0, head.first_layer, 0))
        # In units of the codes' standard deviation, so that all numbers the network predicts have a size of about 1.
        better: StyleCodes = codes + correction * self.w_deviation
        return better

    def start_from(self, discriminator: Discriminator) -> None:
        """Copy the discriminator's trunk, from the lowest resolution up to the encoder's input size."""
        # The first blocks and `from_rgb` of a discriminator of higher resolution do not fit. Then the encoder's
        # `from_rgb` keeps its random weights.
        missing = len(discriminator.blocks) - len(self.blocks)
        if not missing:
            self.from_rgb.load_state_dict(discriminator.from_rgb.state_dict())
        self.blocks.load_state_dict(discriminator.blocks[missing:].state_dict())

    def _resized(self, images: Images) -> Tensor:
        return F.adaptive_avg_pool2d(images, self.config.input_px)


def encode(
    generator: Generator, encoder: Encoder, images: Images, num_passes: int | None = None
) -> StyleCodes:
    """Return the codes after `num_passes` corrections of the mean code (default: as many as the encoder has)."""
    # ReStyle's loop: image and reconstruction => correction => codes [n, num_ws, w_dim] => new reconstruction
    codes = mean_codes(encoder, len(images))
    for _ in range(encoder.config.num_passes if num_passes is None else num_passes):
        codes = encoder(images, generator.synthesize(codes).images, codes)
    return codes


def mean_codes(encoder: Encoder, count: int) -> StyleCodes:
    """Return the start of the first pass: the generator's mean code in every layer."""
    return encoder.w_mean.expand(count, encoder.config.num_ws, -1)


def build_encoder(config: dict[str, Any], tensors: dict[str, Tensor]) -> Encoder:
    """Return a frozen encoder in evaluation mode from its JSON and its tensors.

    Raises:
        RuntimeError: a tensor is missing, unexpected or has another shape than the config.
    """
    encoder = Encoder(EncoderConfig.from_dict(config))
    encoder.load_state_dict(tensors)
    return channels_last(encoder).eval().requires_grad_(False)
