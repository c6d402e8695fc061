"""A training of an inversion encoder: a generator in, its encoder out, step by step, with a state that fits in bytes.

The seed and the number of images seen decide the random numbers of a step, so a training that continues from its state
ends with the same encoder as an uninterrupted one.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import Encoder, EncoderConfig
from models.generators.stylegan2.inversion.encoder_training import (
    EncoderTrainingOptions,
    encoder_loss,
)
from models.generators.stylegan2.inversion.prior import latent_prior
from models.generators.stylegan2.layers import channels_last
from models.serialization import pack, unpack

# Keeps the random numbers of neighboring seeds apart: no training sees as many images. A prime.
SEED_STRIDE = 1_000_003


class EncoderTraining:
    """One training in progress. `images_seen` of `total_images` are done; `losses` are those of the last step."""

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator | None,
        options: EncoderTrainingOptions,
        *,
        seed: int,
    ) -> None:
        self.generator = generator
        self.options = options
        self.seed = seed
        self.encoder = start_encoder(generator, discriminator, seed=seed)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=options.learning_rate)
        self.images_seen = 0  # also decides the random numbers of the next step
        self.losses: dict[str, float] = {}

    @property
    def total_images(self) -> int:
        return self.options.total_images

    def step(self) -> None:
        """Train on one batch; the learning rate falls as a cosine over the whole training."""
        # from 1 to 0: 0.5 + 0.5 cos(pi t) at the share t of the images
        rate = 0.5 + 0.5 * math.cos(math.pi * min(self.images_seen / self.total_images, 1.0))
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * rate
        # New samples in every step: the encoder never sees an image twice.
        losses = encoder_loss(self.encoder, self.generator, self.options, self._rng())
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        self.optimizer.step()
        self.images_seen += self.options.batch
        self.losses = {name: loss.item() for name, loss in losses.items()}

    def to_bytes(self) -> bytes:
        """Return the state that `restore` needs, as a safetensors file."""
        tensors = {"images_seen": torch.tensor(self.images_seen)}
        tensors |= {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        # Adam's state: step, exp_avg and exp_avg_sq for each parameter, by its index
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
        return pack(tensors)

    def restore(self, state: bytes) -> None:
        """Continue from the state that `to_bytes` returned for a training of the same generator.

        Raises:
            RuntimeError: the state is another encoder's.
        """
        # "encoder.{name}", "adam.{parameter index}.{moment}" and "images_seen", as `to_bytes` names them
        tensors = unpack(state)
        self.images_seen = int(tensors.pop("images_seen"))
        self.encoder.load_state_dict(_under("encoder.", tensors))
        moments: dict[int, dict[str, Any]] = {}
        for name, value in _under("adam.", tensors).items():
            index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = value
        # The groups hold options only, which come from this training, not from the state.
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def _rng(self) -> torch.Generator:
        device = self.generator.device
        rng = torch.Generator(device=device)
        # A new generator per step: the only random state to store is the number of images.
        return rng.manual_seed((self.seed * SEED_STRIDE + self.images_seen) % 2**63)


def train_encoder(
    generator: Generator,
    discriminator: Discriminator | None,
    options: EncoderTrainingOptions,
    *,
    seed: int = 0,
    state: bytes | None = None,
    on_step: Callable[[EncoderTraining], None] | None = None,
) -> Encoder:
    """Train an encoder to the end and return it frozen, in evaluation mode.

    Continue from `state` where there is one. `on_step` gets the training after every batch and may store its state;
    its exceptions pass through. The encoder starts with the discriminator's trunk; without one, with random weights.
    """
    training = EncoderTraining(generator, discriminator, options, seed=seed)
    if state is not None:
        training.restore(state)
    while training.images_seen < training.total_images:
        training.step()
        if on_step is not None:
            on_step(training)
    return training.encoder.eval().requires_grad_(False)


def start_encoder(
    generator: Generator, discriminator: Discriminator | None, *, seed: int
) -> Encoder:
    """Return an untrained encoder centered on the generator's codes, with the trunk of a residual discriminator."""
    if discriminator is not None and discriminator.config.architecture != "resnet":
        discriminator = None  # another architecture's trunk does not fit
    # Without a discriminator the trunk has the generator's channels and random weights.
    trunk = None if discriminator is None else discriminator.config
    # Weights depend on `seed` alone; torch's random state stays unchanged.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = Encoder(EncoderConfig.for_generator(generator.config, trunk))
    if discriminator is not None:
        encoder.start_from(discriminator)
    # Codes are predicted as differences to the mean, in standard deviations.
    prior = latent_prior(generator)
    # buffers, stored with the weights: an encoder needs no statistics of the generator later
    encoder.w_mean.copy_(prior.w_mean)
    encoder.w_deviation.copy_(prior.w_std)
    return channels_last(encoder.to(prior.w_mean.device))


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
