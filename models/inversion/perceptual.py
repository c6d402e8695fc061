"""The protocol of perceptual distances: how different two images look.

Features and their comparison are separate, so that an inversion computes the features of its targets only once.
Implementations: a network of the generator's family (`open_distance`) and SqueezeNet (`squeezenet.py`).
"""

from typing import Protocol, runtime_checkable

import torch

from models.arrays import Images, Scores, Taps


@runtime_checkable  # beartype checks it in tests
class PerceptualDistance(Protocol):
    """Features of images, and the distance of two images by their features: 0 for equal images, differentiable."""

    # [n, 3, h, w] => a list of [n, c_k, h_k, w_k]
    def features(self, images: Images) -> Taps: ...

    # row i of `a` against row i of `b` => [n]
    def between(self, a: Taps, b: Taps) -> Scores: ...


def distances(perceptual: PerceptualDistance, a: Images, b: Images) -> Scores:
    """Return the distance of each image of `a` to the image of the same row of `b`, without gradients."""
    with torch.no_grad():
        return perceptual.between(perceptual.features(a), perceptual.features(b))
