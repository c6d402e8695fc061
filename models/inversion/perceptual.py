"""How different two images look: a port with one method, and the network behind it that comes with every generator."""

from typing import Protocol, final, runtime_checkable

from models.arrays import Images, Scores
from models.stylegan2.discriminator import Discriminator


@runtime_checkable  # beartype checks it in tests
class PerceptualDistance(Protocol):
    """Distance of each image of `a` to its partner in `b`, 0 for equal ones; differentiable."""

    def __call__(self, a: Images, b: Images) -> Scores: ...


@final
class DiscriminatorDistance:
    """Mean absolute difference of the discriminator's block outputs, averaged over the blocks.

    The distance of Pan et al., "Deep generative prior", arXiv 2003.13659, section 3.2, there on the last four blocks.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator

    def __call__(self, a: Images, b: Images) -> Scores:
        pairs = zip(self.discriminator.features(a), self.discriminator.features(b), strict=True)
        distances = [(x - y).abs().mean(dim=(1, 2, 3)) for x, y in pairs]
        return sum(distances[1:], start=distances[0]) / len(distances)
