"""Predicts from a code's vector whether the image will contain a class, so that only likely candidates are rendered.

A linear prediction with a threshold. The threshold trades cost for variety: it keeps the share `RECALL` of the samples
that contain the class, as held-out predictions of a pilot show. The rest, whose codes look least like the class, is
never drawn.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import Scores, StyleVectors
from models.targets.constraints import ClassShares, Constraint, Flags
from models.targets.regression import regress

RECALL = 0.9
MIN_POSITIVES = 10
"""With fewer samples of the rarer side the threshold would be noise: then every candidate is rendered."""


@dataclass(frozen=True)
class Predictor:
    """Vectors to scores. A class that must be present needs `present_from`, one that must not `absent_below`."""

    weights: Float[Tensor, " w_dim"]
    bias: float
    present_from: float | None
    absent_below: float | None

    def predict(self, vectors: StyleVectors) -> Scores:
        """Return the score of each vector: higher ones contain the class more often."""
        return vectors.double() @ self.weights.double() + self.bias

    def passes(self, vectors: StyleVectors, expected: Flags) -> Flags:
        """Return whether each vector is worth rendering for a sample that is expected to contain the class, or not."""
        scores = self.predict(vectors)
        low = -torch.inf if self.present_from is None else self.present_from
        high = torch.inf if self.absent_below is None else self.absent_below
        return torch.where(expected, scores >= low, scores < high)


@dataclass(frozen=True)
class Fitted:
    """A predictor with what held-out predictions of the pilot promise; None where rendering all is as good.

    `frequency` is the share of the samples with the class. Yields are the shares of the rendered candidates that are as
    expected: with the class, or without it. `recall` is the share of the rarer side that is rendered.
    """

    predictor: Predictor | None
    frequency: float
    present_yield: float
    absent_yield: float
    recall: float


def fit_predictor(
    vectors: StyleVectors | None, shares: ClassShares, constraint: Constraint
) -> Fitted:
    """Fit a predictor on a pilot's samples. Only the rarer side, with or without the class, gets a threshold."""
    present = constraint.is_met(shares)
    frequency = float(present.double().mean())
    plain = Fitted(None, frequency, frequency, 1 - frequency, 1.0)
    is_rare = frequency <= 0.5
    rarer = present if is_rare else ~present
    if vectors is None or int(rarer.sum()) < MIN_POSITIVES:
        return plain
    # Shares up to twice the least: a half-present class helps to learn, a large one counts no more than a clear one.
    # At a recall of 0.9 this yields 1.0 to 1.2 times what the regression of 0 and 1 yields (LOG.md, "Targets").
    amounts = shares[:, constraint.class_index].clamp(max=2 * constraint.min_pixels)
    regression = regress(vectors, amounts[:, None])
    sign = 1 if is_rare else -1
    scores = sign * regression.held_out[:, 0]
    threshold = torch.quantile(scores[rarer], 1 - RECALL)
    passing = scores >= threshold
    gained = float(rarer[passing].double().mean())
    if gained <= float(rarer.double().mean()):
        return plain
    at = sign * float(threshold)
    predictor = Predictor(
        regression.slopes[:, 0],
        float(regression.bias[0]),
        present_from=at if is_rare else None,
        absent_below=None if is_rare else at,
    )
    recall = float(passing[rarer].double().mean())
    if is_rare:
        return Fitted(predictor, frequency, gained, 1 - frequency, recall)
    return Fitted(predictor, frequency, frequency, gained, recall)
