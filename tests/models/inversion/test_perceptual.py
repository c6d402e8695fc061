"""Promises of the perceptual distances: 0 for equal images, one positive number per image for others."""

import torch

from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.inversion.perceptual import distances


def test_the_discriminators_distance_is_zero_for_equal_images(
    discriminator: Discriminator,
) -> None:
    """It is positive for different images."""
    distance = DiscriminatorDistance(discriminator)
    a, b = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    assert torch.equal(distances(distance, a, a), torch.zeros(2))
    assert bool((distances(distance, a, b) > 0).all())
