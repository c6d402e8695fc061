"""Promises of what the encoder learns from: mixed styles, and inputs that differ a little from the samples."""

import torch

from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder_training import degrade, sample_codes


def chance() -> torch.Generator:
    """Draws of a fixed seed."""
    return torch.Generator().manual_seed(0)


def test_mixing_gives_different_codes_to_different_layers(generator: Generator) -> None:
    """Without mixing all layers share one w, with it they come from two."""
    plain = sample_codes(generator, 8, 0.0, chance())
    mixed = sample_codes(generator, 8, 1.0, chance())
    assert torch.equal(plain, plain[:, :1].expand_as(plain))
    assert len(mixed[0].unique(dim=0)) == 2


def test_inputs_are_disturbed_a_little() -> None:
    """Every image changes, by no more than the noise allows where there was nothing to blur."""
    images = torch.zeros(16, 3, 8, 8)
    disturbance = degrade(images, 0.05, chance()).square().mean(dim=(1, 2, 3)).sqrt()
    assert bool((disturbance > 0).all())
    assert bool((disturbance < 0.06).all())
