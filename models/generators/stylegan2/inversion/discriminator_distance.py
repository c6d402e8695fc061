"""The perceptual distance that comes with every trained StyleGAN2: the features of its discriminator."""

from typing import final

from models.arrays import Images, Scores, Taps
from models.generators.stylegan2.discriminator import Discriminator


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
