"""A StyleGAN2's training from real images. Implements `models/generators/training.py`."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from models.adversarial.training import AdversarialOptions, start, training_step
from models.arrays import Images
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.training import BuiltNetwork
from models.inversion.squeezenet import SqueezeNet

SAMPLES_PER_PASS = 16


class AdversarialTraining:
    """Generator, discriminator, and the averaged generator, which is the result.

    `pretrained` gives the features of a projected discriminator; `start` raises `ValueError` if the options need it.
    """

    measured_samples = 2_000
    keeps_latest = False  # adversaries can get worse at any time

    def __init__(
        self,
        generator: GeneratorConfig,
        discriminator: DiscriminatorConfig,
        options: AdversarialOptions,
        device: torch.device,
        pretrained: SqueezeNet | None = None,
    ) -> None:
        self.options = options
        self.state = start(generator, discriminator, options, device, pretrained)

    @property
    def images_seen(self) -> int:
        return self.state.images_seen

    @property
    def device(self) -> torch.device:
        return self.state.average.device

    def step(self, reals: Images) -> dict[str, float]:
        return training_step(self.state, reals.to(self.device, non_blocking=True), self.options)

    def samples(self, count: int, seed: int) -> Iterator[Images]:
        """Yield samples with constant noise and without truncation."""
        average = self.state.average
        rng = torch.Generator().manual_seed(seed)
        z = torch.randn(count, average.config.z_dim, generator=rng).to(self.device)
        for part in z.split(SAMPLES_PER_PASS):
            with torch.no_grad():
                yield average(part)

    def networks(self) -> tuple[BuiltNetwork, ...]:
        """Return the averaged generator, and the plain discriminator if it was trained.

        A fit would use a discriminator of random weights as its perceptual distance.
        """
        average, discriminator = self.state.average, self.state.discriminator
        generator = BuiltNetwork("generator", average, average.config.to_dict())
        if self.options.discriminators == "projected":
            return (generator,)
        return (
            generator,
            BuiltNetwork("discriminator", discriminator, discriminator.config.to_dict()),
        )

    def state_dict(self) -> dict[str, Any]:
        return self.state.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.state.load_state_dict(dict(state))

    def load_networks(self, weights: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
        """Start from a finished generator, which both generators get, and its discriminator.

        Raises:
            RuntimeError: the weights are of other networks.
        """
        self.state.generator.load_state_dict(weights["generator"])
        self.state.average.load_state_dict(weights["generator"])
        self.state.discriminator.load_state_dict(weights["discriminator"])
