"""How many images are inverted at once."""

import dataclasses

from models.generators.stylegan2.generator import Generator
from tests.workers.scene import CONFIG
from workers.fitting.inverting import TAPS_HELD, TAPS_HELD_WITH_DISTANCE, inversion_micro_batch
from workers.runtime.machine import Machine
from workers.runtime.micro_batches import MicroBatches

GENERATOR = Generator(CONFIG)
IMAGE_BYTES = TAPS_HELD * GENERATOR.config.tap_bytes


def with_memory(machine: Machine, num_bytes: int) -> Machine:
    """The machine with a limit."""
    return dataclasses.replace(machine, micro_batches=MicroBatches(16, num_bytes))


def test_as_many_as_fit_the_memory(machine: Machine) -> None:
    """What a step back through the network holds of an image is counted."""
    limited = with_memory(machine, int(3.9 * IMAGE_BYTES))
    assert inversion_micro_batch(limited, GENERATOR, has_distance=False) == 3


def test_a_perceptual_distance_takes_memory_too(machine: Machine) -> None:
    """Its features are kept for the step back beside the generator's."""
    limited = with_memory(machine, 6 * IMAGE_BYTES)
    expected = 6 * TAPS_HELD // TAPS_HELD_WITH_DISTANCE
    assert inversion_micro_batch(limited, GENERATOR, has_distance=True) == expected
