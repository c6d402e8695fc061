"""The networks and optimizers that adversarial training changes, and what a checkpoint holds of them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from models.adversarial.options import AdversarialOptions
from models.adversarial.projected import ProjectedDiscriminator
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.layers import channels_last
from models.inversion.squeezenet import SqueezeNet
from models.parallel import average_gradients


@dataclass
class Projection:
    """The discriminator on pretrained features. `network` gives the features and is not part of a checkpoint."""

    network: SqueezeNet
    discriminator: ProjectedDiscriminator
    optimizer: torch.optim.Adam


@dataclass
class AdversarialState:
    """Everything that a checkpoint must hold, so that a resumed training equals an uninterrupted one."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    generator_optimizer: torch.optim.Adam
    discriminator_optimizer: torch.optim.Adam
    projection: Projection | None = None
    images_seen: int = 0
    steps: int = 0
    augmentation: float = 0.0  # the probability p
    mean_path_length: float = 0.0  # the constant a of StyleGAN2's equation 4
    last_r1: float = 0.0  # with the loss r3gan: R1 + R2

    def state_dict(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {**parts, **{name: getattr(self, name) for name in _COUNTERS}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state, with the learning rates of this training. Raises `RuntimeError` for other networks."""
        parts = self._parts()
        if ("projected" in state) != (self.projection is not None):
            had, has = (
                "one" if flag else "none" for flag in ("projected" in state, self.projection)
            )
            raise RuntimeError(
                f"the checkpoint has {had} and this training {has} of the projected discriminator; choose the"
                " discriminators of the checkpoint"
            )
        for name, part in parts.items():
            if isinstance(part, torch.optim.Adam):
                _load_keeping_rates(part, state[name])
            else:
                part.load_state_dict(state[name])
        for name in _COUNTERS:
            setattr(self, name, state[name])

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Adam]:
        parts = {name: getattr(self, name) for name in _PARTS}
        if self.projection is not None:
            parts["projected"] = self.projection.discriminator
            parts["projected_optimizer"] = self.projection.optimizer
        return parts


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
    pretrained: SqueezeNet | None = None,
) -> AdversarialState:
    """Return new networks and optimizers; the weights come from torch's global generator.

    `pretrained` gives the features of a projected discriminator.

    Raises:
        ValueError: the options name a projected discriminator and `pretrained` is None.
    """
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
        projection=_projection(generator_config, options, device, pretrained),
        augmentation=options.augmentation,
    )


def _projection(
    config: GeneratorConfig,
    options: AdversarialOptions,
    device: torch.device,
    pretrained: SqueezeNet | None,
) -> Projection | None:
    if options.discriminators == "plain":
        return None
    if pretrained is None:
        raise ValueError(
            f"expected a pretrained network for discriminators={options.discriminators!r}, got none; mount the weights"
            " of SqueezeNet 1.1 or use the plain discriminator"
        )
    # Drawn after the other networks: the same seed gives these the same weights with and without a projection.
    discriminator = channels_last(ProjectedDiscriminator(config.image_px).to(device))
    trained = [p for p in discriminator.parameters() if p.requires_grad]
    # The paper's Adam: beta1 = 0, beta2 = 0.99, as for the other networks.
    optimizer = torch.optim.Adam(trained, lr=options.learning_rate, betas=(0.0, 0.99), eps=1e-8)
    return Projection(channels_last(pretrained.to(device)), discriminator, optimizer)


def optimizer_step(network: torch.nn.Module, optimizer: torch.optim.Adam) -> None:
    """Take a step on the gradients, averaged over all processes."""
    average_gradients(network)
    optimizer.step()


def _load_keeping_rates(optimizer: torch.optim.Adam, state: dict[str, Any]) -> None:
    """Load the moments of an optimizer. Its rates are those of its options, which may have changed since."""
    rates = [{name: group[name] for name in ("lr", "betas")} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, rates, strict=True):
        group.update(own)


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
