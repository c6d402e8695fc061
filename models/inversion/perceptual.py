"""How different two images look: the port that a perceptual distance implements.

Images become features once, and features are compared: an inversion computes those of its targets a single time.
Behind the port stand a network of the generator's family (`open_distance`) or SqueezeNet (`squeezenet.py`).
"""

from typing import Protocol, runtime_checkable

import torch

from models.arrays import Images, Scores, Taps


@runtime_checkable  # beartype checks it in tests
class PerceptualDistance(Protocol):
    """Features of images, and the distance of each image's features to its partner's.

    Zero for equal ones; differentiable.
    """

    def features(self, images: Images) -> Taps: ...

    def between(self, a: Taps, b: Taps) -> Scores: ...


def distances(perceptual: PerceptualDistance, a: Images, b: Images) -> Scores:
    """Return the distance of each image of `a` to its partner in `b`, without gradients."""
    with torch.no_grad():
        return perceptual.between(perceptual.features(a), perceptual.features(b))
