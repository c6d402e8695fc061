"""The networks and optimizers that adversarial training changes, and what a checkpoint holds of them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from models.adversarial.options import AdversarialOptions
from models.adversarial.parallel import average_gradients
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.layers import channels_last


@dataclass
class AdversarialState:
    """Everything that a checkpoint must hold, so that a resumed training equals an uninterrupted one."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    generator_optimizer: torch.optim.Adam
    discriminator_optimizer: torch.optim.Adam
    images_seen: int = 0
    steps: int = 0
    augmentation: float = 0.0  # the probability p
    mean_path_length: float = 0.0  # the constant a of StyleGAN2's equation 4
    last_r1: float = 0.0  # with the loss r3gan: R1 + R2

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        return {**parts, **{name: getattr(self, name) for name in _COUNTERS}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        for name in _COUNTERS:
            setattr(self, name, state[name])


_PARTS = (
    "generator",
    "discriminator",
    "average",
    "generator_optimizer",
    "discriminator_optimizer",
)
_COUNTERS = ("images_seen", "steps", "augmentation", "mean_path_length", "last_r1")


def start(
    generator_config: GeneratorConfig,
    discriminator_config: DiscriminatorConfig,
    options: AdversarialOptions,
    device: torch.device,
) -> AdversarialState:
    """Return new networks and optimizers; the weights come from torch's global generator."""
    # NHWC weights: 1.34 and 1.63 times the images per second of a training step on the CPU (LOG.md, first section).
    # `torch.compile` (1.15 times) has no second derivatives, which R1 needs.
    generator = channels_last(Generator(generator_config).to(device))
    discriminator = channels_last(Discriminator(discriminator_config).to(device))
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    return AdversarialState(
        generator=generator,
        discriminator=discriminator,
        average=average,
        generator_optimizer=_lazy_adam(
            generator, options, options.path_length_interval if options.path_length_weight else None
        ),
        discriminator_optimizer=_lazy_adam(discriminator, options, options.r1_interval),
    )


def optimizer_step(network: torch.nn.Module, optimizer: torch.optim.Adam) -> None:
    """Take a step on the gradients, averaged over all processes."""
    average_gradients(network)
    optimizer.step()


def _lazy_adam(
    network: torch.nn.Module, options: AdversarialOptions, interval: int | None
) -> torch.optim.Adam:
    """Return Adam with rates corrected for a regularizer every `interval` steps (StyleGAN2, appendix B)."""
    # k steps on the loss and one on the regularizer make k + 1 steps of Adam: lr * c and beta^c with
    # c = k / (k + 1) compensate for the additional step. beta1 = 0 stays 0.
    # An interval of 1 adds no step.
    share = interval / (interval + 1) if interval and interval > 1 else 1.0
    return torch.optim.Adam(
        network.parameters(), lr=options.learning_rate * share, betas=(0.0, 0.99**share), eps=1e-8
    )
