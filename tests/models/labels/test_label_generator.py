"""Promises of the label generator: what it renders fits together and belongs to its generator."""

import pytest
import torch

from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator, from_bytes, to_bytes
from models.stylegan2.generator import Generator


def test_rendered_parts_have_the_label_size(any_generator: Generator) -> None:
    """Bytes for people, indices for training, one score an image; labels may be smaller than images."""
    config = EnsembleConfig(tap_channels=any_generator.config.tap_channels, outputs=4)
    height, width = any_generator.config.image_px
    fitted = LabelGenerator(any_generator, Ensemble(config).eval(), (height // 2, width // 2))
    rendered = fitted.render(any_generator.map(torch.randn(3, 16)))
    assert rendered.images.shape == (3, height, width, 3)
    assert rendered.masks.shape == rendered.uncertainty.shape == (3, height // 2, width // 2)
    assert len(rendered) == 3


def test_an_ensemble_of_another_generator_is_refused(generator: Generator) -> None:
    """Features of other widths would be read as nonsense; the message says what to use."""
    config = EnsembleConfig(tap_channels=(8, 8), outputs=4)
    with pytest.raises(ValueError, match="use the generator that the ensemble was fitted on"):
        LabelGenerator(generator, Ensemble(config))


def test_bytes_and_back() -> None:
    """Every byte value survives the trip through [-1, 1]."""
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert torch.equal(to_bytes(from_bytes(image)), image)
