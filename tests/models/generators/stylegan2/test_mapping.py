"""Promises of `models.generators.stylegan2.mapping`: classes matter."""

import pytest
import torch

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.mapping import classes_of_latents


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


def test_without_classes_each_latent_decides_its_class(conditional: Generator) -> None:
    """Every generator can be sampled without classes, and a sample does not depend on its batch."""
    z = torch.randn(50, 16)
    codes = conditional.map(z)
    assert torch.allclose(codes, conditional.map(z, classes=classes_of_latents(z, 3)))
    assert torch.allclose(codes[7:8], conditional.map(z[7:8]), atol=1e-6)


def test_classes_of_latents_are_uniform() -> None:
    """Each class has about the same share, for 2 and for 10 classes."""
    z = torch.randn(10_000, 4)
    for num_classes in (2, 10):
        counts = classes_of_latents(z, num_classes).bincount(minlength=num_classes)
        assert counts.min() > 0.8 * 10_000 / num_classes


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_out_of_range_is_refused(conditional: Generator, wrong: int) -> None:
    """The message names the range."""
    with pytest.raises(ValueError, match="expected classes from 0 to 2"):
        conditional.map(torch.randn(1, 16), classes=torch.tensor([wrong]))


def test_an_unconditional_generator_refuses_classes(generator: Generator) -> None:
    """They would be ignored, and the caller expects an effect."""
    with pytest.raises(ValueError, match="expected no classes"):
        generator.map(torch.randn(1, 16), classes=torch.tensor([0]))


def test_a_cutoff_truncates_only_the_first_layers(generator: Generator) -> None:
    """Coarse layers are near the mean, fine layers unchanged."""
    z = torch.randn(2, 16)
    ws, free, near = generator.map(z, 0.5, cutoff=3), generator.map(z), generator.map(z, 0.5)
    assert torch.equal(ws[:, :3], near[:, :3])
    assert torch.equal(ws[:, 3:], free[:, 3:])
