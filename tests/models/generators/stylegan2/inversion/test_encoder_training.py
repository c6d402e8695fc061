"""Promises of the encoder's training data: mixed styles, and inputs that differ slightly from the samples."""

import torch

from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder_training import degrade, sample_codes


def new_rng() -> torch.Generator:
    """Return a generator of a fixed seed."""
    return torch.Generator().manual_seed(0)


def test_mixing_gives_different_codes_to_different_layers(generator: Generator) -> None:
    """Without mixing all layers have one w, with mixing one of two."""
    plain = sample_codes(generator, 8, 0.0, new_rng())
    mixed = sample_codes(generator, 8, 1.0, new_rng())
    assert torch.equal(plain, plain[:, :1].expand_as(plain))
    assert len(mixed[0].unique(dim=0)) == 2


def test_inputs_are_degraded_slightly() -> None:
    """Every flat image changes, at most by the noise."""
    images = torch.zeros(16, 3, 8, 8)
    change = degrade(images, 0.05, new_rng()).square().mean(dim=(1, 2, 3)).sqrt()
    assert bool((change > 0).all())
    assert bool((change < 0.06).all())
