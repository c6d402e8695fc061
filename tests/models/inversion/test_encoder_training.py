"""Promises of the encoder's training: it starts at the mean code, learns from samples alone, and sees mixed styles."""

import torch

from models.inversion.encoder_training import (
    EncoderTrainingOptions,
    encoder_loss,
    sample_codes,
    start_encoder,
)
from models.stylegan2.discriminator import Discriminator
from models.stylegan2.generator import Generator


def test_a_few_steps_lower_the_loss(generator: Generator, discriminator: Discriminator) -> None:
    """Sixty steps on the generator's own samples beat the start."""
    torch.manual_seed(0)
    encoder = start_encoder(generator, discriminator)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=2e-3)
    losses = []
    for _ in range(60):
        loss = encoder_loss(encoder, generator, 8, EncoderTrainingOptions())["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_the_trunk_is_a_copy_of_the_discriminators(
    generator: Generator, discriminator: Discriminator
) -> None:
    """Training the encoder leaves the discriminator alone."""
    encoder = start_encoder(generator, discriminator)
    assert torch.equal(encoder.from_rgb.weight, discriminator.from_rgb.weight)
    assert encoder.from_rgb.weight.data_ptr() != discriminator.from_rgb.weight.data_ptr()


def test_mixing_gives_different_codes_to_different_layers(generator: Generator) -> None:
    """Without mixing all layers share one w, with it they come from two."""
    plain, mixed = sample_codes(generator, 8, 0.0), sample_codes(generator, 8, 1.0)
    assert torch.equal(plain, plain[:, :1].expand_as(plain))
    assert len(mixed[0].unique(dim=0)) == 2
