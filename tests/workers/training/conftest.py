"""Trainings of diffusion models draw their samples in few steps: most of the time of these tests was their sampling."""

from dataclasses import replace
from typing import Any

import pytest

from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.default_config import default_config
from workers.families import diffusion_training


def few_steps(*arguments: Any, **options: Any) -> DiffusionConfig:
    """Return the configuration of a new network with 2 sampling steps, not 20."""
    return replace(default_config(*arguments, **options), sampling_steps=2)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion_training, "default_config", few_steps)
