"""How many images are inverted at once."""

import dataclasses

import pytest
import torch

from models.labels.features import tap_bytes
from models.stylegan2.generator import Generator
from tests.workers.scene import CONFIG
from workers.inverting import TAPS_HELD, TAPS_HELD_WITH_DISTANCE, inversion_micro_batch
from workers.machine import Machine

GENERATOR = Generator(CONFIG)
IMAGE_BYTES = TAPS_HELD * tap_bytes(GENERATOR)


def with_memory(machine: Machine, num_bytes: int) -> Machine:
    """The machine with another limit."""
    settings = machine.settings.model_copy(update={"inversion_memory_bytes": num_bytes})
    return dataclasses.replace(machine, settings=settings)


@pytest.mark.parametrize(("fitting", "expected"), [(0.5, 1), (1, 1), (3.9, 3), (1_000, 16)])
def test_as_many_as_fit_the_memory(machine: Machine, fitting: float, expected: int) -> None:
    """Never none, and never more than a micro-batch."""
    limited = with_memory(machine, int(fitting * IMAGE_BYTES))
    assert inversion_micro_batch(limited, GENERATOR, has_distance=False) == expected


def test_a_perceptual_distance_takes_memory_too(machine: Machine) -> None:
    """Its features are kept for the step back beside the generator's."""
    limited = with_memory(machine, 6 * IMAGE_BYTES)
    expected = 6 * TAPS_HELD // TAPS_HELD_WITH_DISTANCE
    assert inversion_micro_batch(limited, GENERATOR, has_distance=True) == expected


def test_an_accelerator_halves_instead(machine: Machine) -> None:
    """It tells when it is full, so no guess stands in its way."""
    limited = dataclasses.replace(with_memory(machine, 1), device=torch.device("cuda"))
    assert inversion_micro_batch(limited, GENERATOR, has_distance=True) == 16
