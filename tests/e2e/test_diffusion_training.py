"""The training of `test_training.py` with a diffusion model, in a separate file."""

from pathlib import Path

import pytest

from examples.demo.stack import Stack
from tests.e2e.test_training import (  # noqa: F401 - fixtures
    pairs,
    stack,
    train,
)

pytestmark = pytest.mark.long


def test_a_folder_becomes_a_generator_without_an_inverter(
    stack: Stack,  # noqa: F811 - a fixture
    pairs: Path,  # noqa: F811 - a fixture
) -> None:
    """A training that is killed continues. `families/test_diffusion.py` fits and renders such generators."""
    train(stack, pairs, "diffusion", every=120)
