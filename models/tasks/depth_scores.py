"""Scores of depth maps, pooled over all images that are added."""

import math

import torch

from models.arrays import PixelScores
from models.tasks.task import check_same

# A pixel is close within this factor of the truth (Eigen et al., arXiv 1406.2283).
DELTA = 1.25


class DepthScore:
    """The usual errors of depth (Eigen et al., arXiv 1406.2283) over the pixels whose truth is known (not NaN).

    A relative error needs a positive truth, so AbsRel and delta1 skip the other pixels; RMSE counts them. A prediction
    of zero or less is a miss for delta1.
    """

    def __init__(self) -> None:
        # Counts, and sums in float64 over all pixels so far.
        self._known = self._positive = 0
        self._squares = self._relative = self._close = 0.0

    def add(self, predicted: PixelScores, truth: PixelScores) -> None:
        """Add predicted and true depth of the same images, in the same unit."""
        check_same(predicted, truth, "depth")
        known = ~truth.isnan()
        # one vector of known pixels each
        guess, real = predicted[known].double(), truth[known].double()
        self._known += real.numel()
        self._squares += float((guess - real).square().sum())
        # From here on only positive truths: a relative error needs one.
        guess, real = guess[real > 0], real[real > 0]
        self._positive += real.numel()
        self._relative += float(((guess - real).abs() / real).sum())
        # delta1: max(y / y*, y* / y) < 1.25
        ratio = torch.maximum(guess / real, real / guess)
        self._close += float(((ratio < DELTA) & (guess > 0)).sum())

    def absrel(self) -> float:
        """Return the mean of |error| / truth; NaN without a positive truth."""
        return self._relative / self._positive if self._positive else math.nan

    def rmse(self) -> float:
        """Return the root mean square error in the unit of the labels; NaN without a known truth."""
        return math.sqrt(self._squares / self._known) if self._known else math.nan

    def delta1(self) -> float:
        """Return the share of pixels within a factor of 1.25 of the truth; NaN without a positive truth."""
        return self._close / self._positive if self._positive else math.nan
