"""How different two images look: a port, and the network behind it that comes with every trained generator.

A port turns images into features once and compares features: an inversion looks at its targets a single time.
"""

from typing import Protocol, final, runtime_checkable

import torch

from models.arrays import Images, Scores, Taps
from models.generators.stylegan2.discriminator import Discriminator


@runtime_checkable  # beartype checks it in tests
class PerceptualDistance(Protocol):
    """Features of images, and the distance of each image's features to its partner's.

    Zero for equal ones; differentiable.
    """

    def features(self, images: Images) -> Taps: ...

    def between(self, a: Taps, b: Taps) -> Scores: ...


@final
class DiscriminatorDistance:
    """Mean absolute difference of the discriminator's block outputs, averaged over the blocks.

    The distance of Pan et al., "Deep generative prior", arXiv 2003.13659, section 3.2, there on the last four blocks.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator

    def features(self, images: Images) -> Taps:
        return self.discriminator.features(images)

    def between(self, a: Taps, b: Taps) -> Scores:
        distances = [(x - y).abs().mean(dim=(1, 2, 3)) for x, y in zip(a, b, strict=True)]
        return sum(distances[1:], start=distances[0]) / len(distances)


def distances(perceptual: PerceptualDistance, a: Images, b: Images) -> Scores:
    """The distance of each image of `a` to its partner in `b`, without gradients."""
    with torch.no_grad():
        return perceptual.between(perceptual.features(a), perceptual.features(b))
