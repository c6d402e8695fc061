"""Promises of the encoder's training: it learns from samples alone, resumes exactly, and can be stopped."""

import pytest
import torch

from benchmarks.defaults import encoder_options
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import encode
from models.generators.stylegan2.inversion.training import (
    EncoderTraining,
    start_encoder,
    train_encoder,
)

SHORT = encoder_options(total_images=16, batch=4)


class Stop(Exception):
    """The exception of a canceled job."""


def test_a_few_steps_lower_the_loss(generator: Generator, discriminator: Discriminator) -> None:
    """After 24 steps on samples the loss is below 80% of the first ones."""
    options = encoder_options(total_images=96, batch=4, learning_rate=8e-3)
    losses: list[float] = []
    train_encoder(
        generator, discriminator, options, on_step=lambda t: losses.append(t.losses["total"])
    )
    assert sum(losses[-6:]) < 0.8 * sum(losses[:6])


def test_a_resumed_training_ends_with_the_same_encoder(
    generator: Generator, discriminator: Discriminator
) -> None:
    """Half a training, continued from its bytes, gives the weights of an uninterrupted one."""
    states: list[bytes] = []

    def stop_half_way(training: EncoderTraining) -> None:
        if training.images_seen == 8:
            states.append(training.to_bytes())
            raise Stop

    with pytest.raises(Stop):
        train_encoder(generator, discriminator, SHORT, on_step=stop_half_way)
    resumed = train_encoder(generator, discriminator, SHORT, state=states[0])
    whole = train_encoder(generator, discriminator, SHORT)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_generator_without_a_discriminator_gets_an_encoder(any_generator: Generator) -> None:
    """Its trunk starts from random weights and has the generator's channels, square or not."""
    encoder = train_encoder(any_generator, None, SHORT)
    images = any_generator(torch.randn(2, 16)).clamp(-1, 1)
    assert encode(any_generator, encoder, images).shape == (2, any_generator.config.num_ws, 16)


def test_the_trunk_is_copied_from_the_discriminator(
    generator: Generator, discriminator: Discriminator
) -> None:
    """Training the encoder does not change the discriminator."""
    encoder = start_encoder(generator, discriminator, seed=0)
    ours, theirs = encoder.blocks.state_dict(), discriminator.blocks.state_dict()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value)
        assert ours[name].data_ptr() != value.data_ptr()
