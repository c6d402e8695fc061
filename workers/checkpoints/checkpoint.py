"""What reading a checkpoint gives: our networks as configuration and tensors, or a refusal that the user can act on."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

SUPPORTED = (
    "Supported are StyleGAN2 generators as .pkl of stylegan2-ada-pytorch, StyleGAN-Human or the stylegan3 repository "
    "(--cfg=stylegan2), as .pt of rosinality/stylegan2-pytorch, and as our own safetensors with JSON."
)


class CheckpointRefused(ValueError):
    """The file is no checkpoint that we read; the message says what came and what is supported. Nothing in it ran."""


@dataclass(frozen=True)
class NetworkWeights:
    """One network: what `build_generator` or `build_discriminator` of `models.stylegan2` takes."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint in our form: float32 on the CPU, every tensor of the shape that its configuration asks for.

    `missing` names what the file lacks ("discriminator", "mean w", "noise maps"); `warnings` are sentences for the user
    on what was put in its place.
    """

    format: str
    generator: NetworkWeights
    discriminator: NetworkWeights | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
