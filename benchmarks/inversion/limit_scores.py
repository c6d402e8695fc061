"""Scores of `benchmarks.inversion.limits` with standard errors: over draws, and over images by bootstrap."""

from dataclasses import dataclass
from statistics import fmean, stdev

import torch
from jaxtyping import Float, Int
from torch import Tensor

NUM_BOOTSTRAPS = 400


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error; the error of a single value is unknown."""

    mean: float
    error: float | None

    @classmethod
    def of(cls, values: list[float]) -> "Estimate":
        """Return the mean of independent values and its standard error."""
        error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
        return cls(fmean(values), error)

    def __str__(self) -> str:
        return f"{self.mean:.3f}{self._error_text}"

    @property
    def signed(self) -> str:
        """The text of a gain."""
        return f"{self.mean:+.3f}{self._error_text}"

    @property
    def _error_text(self) -> str:
        return "" if self.error is None else f" +- {self.error:.3f}"


def paired(after: list[float] | None, before: list[float] | None) -> Estimate | None:
    """Return the mean difference of values on the same draws. A single value is compared with each of the others."""
    if after is None or before is None:
        return None
    if len(after) != len(before):
        error = Estimate.of(before if len(after) == 1 else after).error
        return Estimate(fmean(after) - fmean(before), error)
    return Estimate.of([a - b for a, b in zip(after, before, strict=True)])


def counts_of_images(predicted: Tensor, truth: Tensor, num_classes: int) -> Int[Tensor, "n t p"]:
    """Return a confusion matrix for each image: masks int64 [n, h, w] => [n, truth, predicted]."""
    cells = (truth * num_classes + predicted).flatten(1)
    counts = torch.zeros(len(cells), num_classes**2, dtype=torch.int64)
    counts.scatter_add_(1, cells, torch.ones_like(cells))
    return counts.view(-1, num_classes, num_classes)


def mean_iou(counts: Int[Tensor, "*sets t p"]) -> Float[Tensor, " *sets"]:
    """Return the mean IoU over the classes of each set's truth."""
    hits = counts.diagonal(dim1=-2, dim2=-1).double()
    union = counts.sum(-1) + counts.sum(-2) - hits
    iou = hits / union.clamp(min=1)
    present = (counts.sum(-1) > 0).double()
    means: Tensor = (iou * present).sum(-1) / present.sum(-1)
    return means


def bootstrap(*sets: Int[Tensor, "n t p"]) -> list[Estimate]:
    """Return the mean IoU of each set of images, then its loss from the first set to each other one.

    All sets have the same images, and every resample takes the same ones of each set.
    """
    rng = torch.Generator().manual_seed(0)
    rows = torch.randint(len(sets[0]), (NUM_BOOTSTRAPS, len(sets[0])), generator=rng)
    pooled = [mean_iou(counts.sum(0)) for counts in sets]
    resampled = [mean_iou(counts[rows].sum(1)) for counts in sets]
    scores = [
        Estimate(float(score), float(samples.std()))
        for score, samples in zip(pooled, resampled, strict=True)
    ]
    losses = [
        Estimate(float(pooled[0] - score), float((resampled[0] - samples).std()))
        for score, samples in zip(pooled[1:], resampled[1:], strict=True)
    ]
    return scores + losses
