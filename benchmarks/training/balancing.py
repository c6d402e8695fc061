"""Batches that draw rare kinds of image more often, without labels: images in sparse regions of fixed features.

Measured on the 4,000 portraits, of which 5.6% have glasses and 2.9% a hat. In the random network's features: 5.7% and
9.1% of the batches with the power 4; in those of SqueezeNet 1.0: 8.2% and 6.8% with the power 1. Drawing k-means
clusters (24, of the random network's features) by the square root of their share changes neither: the clusters follow
colors, and have 100 to 270 images each.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NUM_DIMENSIONS = 64
NEIGHBOR = 10

Weights = NDArray[np.float64]


def rarity(features: Tensor, power: float) -> Weights:
    """Return a weight for each image, its distance to the `NEIGHBOR`-th nearest image ** power; their sum is 1.

    Features [n, features] are reduced to `NUM_DIMENSIONS` principal components of equal variance: a rare kind differs
    in directions in which most images are alike.

    Raises:
        ValueError: there are too few images.
    """
    if len(features) <= NEIGHBOR:
        raise ValueError(f"expected more than {NEIGHBOR} images, got {len(features)}")
    points = _whitened(features.double())
    distances = torch.cdist(points, points).sort(dim=1).values[:, NEIGHBOR]
    # 1e-9: images with many copies keep a weight
    weights: Weights = (distances + 1e-9).pow(power).numpy()
    shares: Weights = weights / weights.sum()
    return shares


def weighted_batches(
    images: Tensor, weights: Weights, batch: int, *, seed: int
) -> Iterator[Tensor]:
    """Yield batches [n, 3, h, w] without end. A seed gives the same order of images for every batch size.

    In an epoch of n images, one of weight w is drawn n * w times, rounded up or down at random (systematic sampling).
    """
    rng = np.random.default_rng(seed)
    bounds, count = np.cumsum(weights)[:-1], len(weights)
    order = np.empty(0, np.int64)
    while True:
        while len(order) < batch:
            drawn = np.searchsorted(bounds, (rng.random() + np.arange(count)) / count, side="right")
            order = np.concatenate([order, rng.permutation(drawn)])
        yield images[torch.from_numpy(order[:batch])]
        order = order[batch:]


def _whitened(features: Tensor) -> Tensor:
    """Return principal components [n, dimensions] of standardized features, each with variance 1."""
    centered = features - features.mean(dim=0)
    standardized = centered / features.std(dim=0).clamp(min=1e-9)
    components, scales, _ = torch.linalg.svd(standardized, full_matrices=False)
    useful = int((scales[:NUM_DIMENSIONS] > 1e-6 * scales[0]).sum())
    whitened: Tensor = components[:, :useful] * len(features) ** 0.5
    return whitened
