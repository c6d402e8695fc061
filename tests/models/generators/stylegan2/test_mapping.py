"""Promises of `models.generators.stylegan2.mapping`: classes matter."""

import pytest
import torch

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.mapping import own_classes


@pytest.fixture
def conditional() -> Generator:
    """A generator of three classes."""
    config = GeneratorConfig(
        z_dim=16, w_dim=16, channels=(8, 8), num_mapping_layers=2, num_classes=3
    )
    return Generator(config).eval().requires_grad_(False)


def test_the_class_changes_the_code(conditional: Generator) -> None:
    """One latent, three classes, three codes."""
    z = torch.randn(1, 16).expand(3, -1)
    codes = conditional.map(z, classes=torch.arange(3))[:, 0]
    assert torch.cdist(codes, codes).add(torch.eye(3)).min() > 0.01


def test_latents_without_classes_take_their_own(conditional: Generator) -> None:
    """So whoever knows no classes can sample every kind of generator, and a sample's batch does not matter."""
    z = torch.randn(50, 16)
    codes = conditional.map(z)
    assert torch.allclose(codes, conditional.map(z, classes=own_classes(z, 3)))
    assert torch.allclose(codes[7:8], conditional.map(z[7:8]), atol=1e-6)


def test_own_classes_are_evenly_spread() -> None:
    """Every class comes up about as often, whatever the number of classes."""
    z = torch.randn(10_000, 4)
    for num_classes in (2, 10):
        counts = own_classes(z, num_classes).bincount(minlength=num_classes)
        assert counts.min() > 0.8 * 10_000 / num_classes


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_that_is_not_there_is_refused(conditional: Generator, wrong: int) -> None:
    """The message says which there are."""
    with pytest.raises(ValueError, match="classes run from 0 to 2"):
        conditional.map(torch.randn(1, 16), classes=torch.tensor([wrong]))


def test_classes_for_a_generator_without_are_refused(generator: Generator) -> None:
    """They would change nothing, and somebody believes that they do."""
    with pytest.raises(ValueError, match="trained without classes"):
        generator.map(torch.randn(1, 16), classes=torch.tensor([0]))


def test_a_cutoff_truncates_the_first_layers_alone(generator: Generator) -> None:
    """Coarse layers near the mean, fine layers free."""
    z = torch.randn(2, 16)
    ws, free, near = generator.map(z, 0.5, cutoff=3), generator.map(z), generator.map(z, 0.5)
    assert torch.equal(ws[:, :3], near[:, :3])
    assert torch.equal(ws[:, 3:], free[:, 3:])
