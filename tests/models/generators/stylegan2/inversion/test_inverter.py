"""Promises of the inverter: the memory that it counts for an image."""

from benchmarks.defaults import inversion_options
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.invert import Tools
from models.generators.stylegan2.inversion.inverter import (
    TAPS_HELD,
    TAPS_HELD_WITH_DISTANCE,
    StyleGan2Inverter,
)


def test_the_memory_of_an_image_is_a_multiple_of_its_taps(generator: Generator) -> None:
    """The backward pass holds activations and gradients of every tap."""
    inverter = StyleGan2Inverter(Tools.of(generator), inversion_options())
    assert inverter.image_bytes == TAPS_HELD * generator.layout.tap_bytes


def test_a_perceptual_distance_takes_memory_too(
    generator: Generator, discriminator: Discriminator
) -> None:
    """Its features are held for the backward pass too."""
    tools = Tools.of(generator, perceptual=DiscriminatorDistance(discriminator))
    inverter = StyleGan2Inverter(tools, inversion_options())
    assert inverter.image_bytes == TAPS_HELD_WITH_DISTANCE * generator.layout.tap_bytes
