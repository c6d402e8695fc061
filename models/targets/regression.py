"""Ridge regression from the vectors of codes to properties of their images, with predictions by cross-validation.

Vectors are whitened first: w has directions that hardly vary, and their slopes would be noise. Whole computation in
float64, so that it is the same on every machine up to the last digits.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import StyleVectors

NUM_FOLDS = 5
PENALTIES = (1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
"""Multiples of the number of samples; each whitened direction has a variance of 1."""
MIN_VARIANCE_SHARE = 1e-4
"""Directions with less variance than this share of the largest are left out."""

Properties = Float[Tensor, "batch properties"]
Slopes = Float[Tensor, "w_dim properties"]


@dataclass(frozen=True)
class Regression:
    """`slopes` and `bias` predict the properties of a vector; `held_out` are predictions by the other folds."""

    slopes: Slopes
    bias: Float[Tensor, " properties"]
    held_out: Properties


@dataclass(frozen=True)
class Whitening:
    """Vectors to uncorrelated coordinates of variance 1, and back."""

    mean: Float[Tensor, " w_dim"]
    basis: Float[Tensor, "w_dim rank"]  # orthogonal columns times the inverse standard deviations
    spread: Float[Tensor, "rank w_dim"]  # standard deviations times the orthogonal rows

    @classmethod
    def of(cls, vectors: StyleVectors) -> "Whitening":
        mean = vectors.mean(dim=0)
        covariance = (vectors - mean).T @ (vectors - mean) / len(vectors)
        variances, axes = torch.linalg.eigh(covariance)
        kept = variances > MIN_VARIANCE_SHARE * variances.max()
        std = variances[kept].sqrt()
        return cls(mean, axes[:, kept] / std, std[:, None] * axes[:, kept].T)

    def __call__(self, vectors: StyleVectors) -> Float[Tensor, "batch rank"]:
        return (vectors - self.mean) @ self.basis


def regress(vectors: StyleVectors, properties: Properties) -> Regression:
    """Return the ridge regression whose penalty predicts held-out samples best, for each property alone."""
    vectors, properties = vectors.double(), properties.double()
    whitening = Whitening.of(vectors)
    x = whitening(vectors)
    held_out = torch.stack([_held_out(x, properties, penalty) for penalty in PENALTIES])
    best = (held_out - properties).square().mean(dim=1).argmin(dim=0)  # [properties]
    columns = torch.arange(properties.shape[1])
    slopes = torch.stack([_solve(x, properties, penalty)[0] for penalty in PENALTIES])
    chosen = whitening.basis @ slopes[best, :, columns].T
    return Regression(
        slopes=chosen,
        bias=properties.mean(dim=0) - whitening.mean @ chosen,
        held_out=held_out[best, :, columns].T,
    )


def _held_out(x: Tensor, properties: Properties, penalty: float) -> Properties:
    predicted = torch.empty_like(properties)
    fold = torch.arange(len(x)) % NUM_FOLDS
    for number in range(NUM_FOLDS):
        inside = fold != number
        slopes, bias = _solve(x[inside], properties[inside], penalty)
        predicted[~inside] = x[~inside] @ slopes + bias
    return predicted


def _solve(x: Tensor, properties: Properties, penalty: float) -> tuple[Tensor, Tensor]:
    """Return slopes [rank, properties] and bias of the ridge regression: (X'X + n penalty I) slopes = X'y, centered."""
    x_mean, y_mean = x.mean(dim=0), properties.mean(dim=0)
    centered = x - x_mean
    gram = centered.T @ centered + len(x) * penalty * torch.eye(x.shape[1], dtype=x.dtype)
    slopes = torch.linalg.solve(gram, centered.T @ (properties - y_mean))
    return slopes, y_mean - x_mean @ slopes
