"""The encoder that starts an inversion: images in, W+ codes out, in a few passes of one network.

Its trunk is that of the discriminator, which was trained on this domain (as in InvGAN, arXiv 2112.04598). One head
reads the coarsest features and predicts every layer's code; finer features correct the layers of finer detail (the idea
of pSp, arXiv 2008.00951, section 3, with two small heads instead of eighteen). Each pass after the first also sees the
image of the codes so far and corrects them (ReStyle, arXiv 2104.02699, section 3).
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

MAX_INPUT_PX = 256
"""Larger images are averaged down to this size, as in all published encoders."""

FINER_LAYERS = (3, 7)
"""The first layer that each finer head corrects: the convolutions of 16 px and 64 px, the same limits as in pSp."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(JsonConfig):
    """The trunk's shape (as a discriminator's) and the heads'.

    Every head has `hidden` units. Finer features are projected to `finer_channels` channels (0: no finer heads). With
    `num_passes` above 1 the network also sees reconstructions.
    """

    channels: tuple[int, ...]
    base_px: tuple[int, int]
    num_ws: int
    w_dim: int
    hidden: int = 256
    finer_channels: int = 0
    num_passes: int = 1

    @classmethod
    def for_generator(
        cls, generator: GeneratorConfig, trunk: DiscriminatorConfig | None
    ) -> "EncoderConfig":
        """Return the shape for a generator: the trunk of its discriminator; without one, the generator's own widths."""
        shape = generator if trunk is None else trunk
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
        height, width = self.base_px
        doublings = len(self.channels) - 1
        return height << doublings, width << doublings


class FinerHead(nn.Module):
    """Turns features of a finer scale into corrections of the layers from `first_layer` on."""

    def __init__(self, config: EncoderConfig, inputs: int, first_layer: int) -> None:
        super().__init__()
        self.first_layer = first_layer
        self.pooled_px = (2 * config.base_px[0], 2 * config.base_px[1])
        self.neck = EqualizedConv(inputs, config.finer_channels, 1)
        self.dense = EqualizedLinear(
            config.finer_channels * math.prod(self.pooled_px), config.hidden
        )
        self.out = EqualizedLinear(config.hidden, (config.num_ws - first_layer) * config.w_dim)
        nn.init.zeros_(self.out.weight)

    def forward(self, features: FeatureMaps) -> Tensor:
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
            self.from_difference = EqualizedConv(3, config.channels[-1], 1, bias=False)
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
        """Correct `codes`, whose images are `reconstructions`."""
        x = self.from_rgb(self._resized(images))
        if self.config.num_passes > 1:
            x = x + self.from_difference(self._resized(images - reconstructions))
        x, features = activate(x), []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        layers = (len(images), -1, self.config.w_dim)
        correction = self.out(activate(self.dense(x.flatten(1)))).view(layers)
        for head, finer in zip(self.finer, reversed(features[:-1]), strict=False):
            assert isinstance(head, FinerHead)
            change = head(finer).view(layers)
            correction = correction + F.pad(change, (0, 0, head.first_layer, 0))
        better: StyleCodes = codes + correction * self.w_deviation
        return better

    def start_from(self, discriminator: Discriminator) -> None:
        """Copy the discriminator's trunk, from the lowest resolution up to the encoder's input size."""
        missing = len(discriminator.blocks) - len(self.blocks)
        if not missing:
            self.from_rgb.load_state_dict(discriminator.from_rgb.state_dict())
        self.blocks.load_state_dict(discriminator.blocks[missing:].state_dict())

    def _resized(self, images: Images) -> Tensor:
        return F.adaptive_avg_pool2d(images, self.config.input_px)


def encode(
    generator: Generator, encoder: Encoder, images: Images, num_passes: int | None = None
) -> StyleCodes:
    """Return the codes after `num_passes` corrections of the mean code (default: the encoder's own number)."""
    codes = mean_codes(encoder, len(images))
    for _ in range(encoder.config.num_passes if num_passes is None else num_passes):
        codes = encoder(images, generator.synthesize(codes).images, codes)
    return codes


def mean_codes(encoder: Encoder, count: int) -> StyleCodes:
    """Return the start of the first pass: the generator's mean code in every layer."""
    return encoder.w_mean.expand(count, encoder.config.num_ws, -1)


def build_encoder(config: dict[str, Any], tensors: dict[str, Tensor]) -> Encoder:
    """Return a frozen encoder in evaluation mode from its JSON and its tensors."""
    encoder = Encoder(EncoderConfig.from_dict(config))
    encoder.load_state_dict(tensors)
    return channels_last(encoder).eval().requires_grad_(False)
