"""The encoder that starts an inversion: images in, W+ codes out, in one pass.

Its trunk is the discriminator's, which has learnt to see this domain (InvGAN, arXiv 2112.04598, uses it so too); its
head is one dense network. It is trained on the generator's own samples, whose codes are known: no real image needed.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.arrays import Images, StyleCodes
from models.json_config import JsonConfig
from models.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.stylegan2.discriminator import Discriminator
from models.stylegan2.layers import EqualizedLinear, activate, channels_last


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(JsonConfig):
    """The trunk's shape (as a discriminator's) and the head's: `hidden` units, then num_ws x w_dim numbers."""

    channels: tuple[int, ...]
    base_px: tuple[int, int]
    num_ws: int
    w_dim: int
    hidden: int = 256

    @classmethod
    def for_generator(
        cls, generator: GeneratorConfig, trunk: DiscriminatorConfig | None
    ) -> "EncoderConfig":
        """The trunk of the generator's discriminator; without one, as wide as the generator."""
        shape = generator if trunk is None else trunk
        return cls(
            channels=shape.channels,
            base_px=shape.base_px,
            num_ws=generator.num_ws,
            w_dim=generator.w_dim,
        )


class Encoder(nn.Module):
    """Predicts a code as the generator's mean code plus a correction, scaled by how much codes vary."""

    w_mean: Tensor
    w_deviation: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        trunk = Discriminator(DiscriminatorConfig(channels=config.channels, base_px=config.base_px))
        self.from_rgb, self.blocks = trunk.from_rgb, trunk.blocks
        flat = config.channels[0] * math.prod(config.base_px)
        self.dense = EqualizedLinear(flat, config.hidden)
        self.out = EqualizedLinear(config.hidden, config.num_ws * config.w_dim)
        self.register_buffer("w_mean", torch.zeros(config.w_dim))
        self.register_buffer("w_deviation", torch.ones(config.w_dim))

    def forward(self, images: Images) -> StyleCodes:
        x = activate(self.from_rgb(images))
        for block in self.blocks:
            x = block(x)
        correction = self.out(activate(self.dense(x.flatten(1))))
        correction = correction.view(len(images), self.config.num_ws, self.config.w_dim)
        codes: StyleCodes = self.w_mean + correction * self.w_deviation
        return codes

    def start_from(self, discriminator: Discriminator) -> None:
        """Take over the discriminator's trunk."""
        self.from_rgb.load_state_dict(discriminator.from_rgb.state_dict())
        self.blocks.load_state_dict(discriminator.blocks.state_dict())


def build_encoder(config: dict[str, Any], tensors: dict[str, Tensor]) -> Encoder:
    """A frozen encoder in evaluation mode from its JSON and its tensors."""
    encoder = Encoder(EncoderConfig.from_dict(config))
    encoder.load_state_dict(tensors)
    return channels_last(encoder).eval().requires_grad_(False)
