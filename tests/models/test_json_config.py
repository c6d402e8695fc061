"""Promises of `models.json_config`: a configuration is restored from JSON, and a wrong one is refused."""

import json
from dataclasses import replace

import pytest

from models.generators.stylegan2.config import GeneratorConfig


def test_a_configuration_is_restored_from_json() -> None:
    """Tuples are tuples again."""
    config = GeneratorConfig(z_dim=8, w_dim=4, channels=(8, 4), base_px=(4, 2), conv_clamp=256.0)
    assert GeneratorConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_image_channels_are_written_only_for_grey() -> None:
    """RGB configurations equal those of version 0.1.0, which did not have the field; a missing field means RGB."""
    rgb = GeneratorConfig(z_dim=8, w_dim=4, channels=(8, 4))
    grey = replace(rgb, image_channels=1)
    assert "image_channels" not in rgb.to_dict()
    assert GeneratorConfig.from_dict(rgb.to_dict()).image_channels == 3
    assert GeneratorConfig.from_dict(grey.to_dict()) == grey


@pytest.mark.parametrize("values", [{"z_dim": 8}, {"z_dim": 8, "of": "another network"}])
def test_missing_and_unknown_fields_are_refused(values: dict[str, object]) -> None:
    """The JSON of another network raises an error."""
    with pytest.raises(TypeError):
        GeneratorConfig.from_dict(values)
