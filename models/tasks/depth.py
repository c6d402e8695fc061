"""Depth: one number at every pixel.

Labels: [n, h, w] float32 in any unit, NaN = unknown. Outputs: one number, in the unit of the labels once training is
over.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import FeatureMaps, PixelScores, Scores
from models.tasks.depth_scores import DepthScore
from models.tasks.task import (
    KnownPixels,
    LabelPx,
    Loss,
    Outputs,
    Places,
    Presence,
    Scale,
    Score,
    Targets,
    Task,
    TaskLabels,
    Votes,
    mean_over_known,
    no_members,
    number,
)
from models.tasks.uncertainty import image_scores


@dataclass(frozen=True)
class DepthTask(Task):
    """A number at every pixel, in the unit of its labels."""

    name: ClassVar[str] = "depth"
    can_mirror: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        return 1

    def labelled(self, labels: PixelScores, label_px: LabelPx) -> KnownPixels:
        return ~labels.isnan()

    def traits(self, labels: PixelScores) -> Presence:
        """Return one trait: some depth is known."""
        return (~labels.isnan()).flatten(1).any(dim=1, keepdim=True)

    def scale(self, labels: PixelScores, balance: float) -> "DepthScale":
        # Pooled over all images: one scale, so that depth stays comparable between images.
        known = labels[~labels.isnan()].double()
        # A flat scene has a standard deviation of 0: divide by 1 instead.
        # Population statistics over all known pixels, in float64.
        return DepthScale(float(known.mean()), float(known.std(correction=0)) or 1.0)

    def targets(self, labels: PixelScores, places: Places) -> Targets:
        # [n, h w] read at [chosen, 1] and [chosen, count] => [chosen, count]
        return {"depth": labels.flatten(1)[places.images, places.pixels]}

    def loss(self, outputs: Outputs, targets: Targets) -> Loss:
        """Return the Huber loss. Its unit, the std of the training labels, makes it about as large as other losses."""
        depth = targets["depth"]
        known = ~depth.isnan()
        # NaN times 0 is NaN, also in the gradient: unknown depth becomes 0 before the loss, and its value is dropped.
        values = F.smooth_l1_loss(outputs.squeeze(-1), depth.nan_to_num(0.0), reduction="none")
        return mean_over_known(values, known)

    def votes(self, label_px: LabelPx) -> "DepthVotes":
        return DepthVotes()

    def score(self, label_px: LabelPx) -> "DepthErrors":
        return DepthErrors()


@dataclass(frozen=True)
class DepthScale(Scale):
    """Mean and standard deviation of the known depth of the training labels."""

    mean: float  # in the unit of the labels
    std: float  # never 0

    def standardize(self, labels: Tensor) -> Tensor:
        return (labels - self.mean) / self.std

    def undo(self, weight: Tensor, bias: Tensor) -> None:
        # std (W x + b) + mean = (std W) x + (std b + mean)
        weight.mul_(self.std)
        bias.mul_(self.std).add_(self.mean)


class DepthVotes(Votes):
    """Mean and standard deviation over the members, in the unit of the labels."""

    def __init__(self) -> None:
        # k, the mean and M2 = sum of (x - mean)^2 of the first k members; [n, h, w]
        self._count = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None

    def add(self, outputs: FeatureMaps) -> None:
        """Apply Welford's update: exact also for large depth and members that hardly differ.

        The sum of squares minus the squared sum would lose every digit of a spread of 1 cm at 10 km in float32.
        """
        depth = outputs[:, 0]  # [n, 1, h, w] => [n, h, w]
        self._count += 1
        if self._mean is None or self._squares is None:
            self._mean, self._squares = depth.clone(), torch.zeros_like(depth)
            return
        # mean += (x - mean) / k, then M2 += (x - old mean) (x - new mean): Welford (1962).
        away = depth - self._mean
        self._mean.add_(away / self._count)
        self._squares.add_(away * (depth - self._mean))

    def labels(self) -> dict[str, Tensor]:
        """Return depth [n, h, w]: the mean."""
        return {"depth": self.depth}

    @property
    def depth(self) -> PixelScores:
        if self._mean is None:
            raise no_members()
        return self._mean

    @property
    def uncertainty(self) -> PixelScores:
        if self._squares is None:
            raise no_members()
        # The population's deviation: the members are the whole ensemble, not a sample of it.
        return (self._squares / self._count).sqrt()

    @property
    def scores(self) -> Scores:
        # Rank correlation with an image's true error: .83 on portraits with 16 labels (LOG.md, "Three tasks").
        return image_scores(self.uncertainty)


class DepthErrors(Score):
    """AbsRel, RMSE and delta1."""

    def __init__(self) -> None:
        self.errors = DepthScore()

    def add(self, labels: TaskLabels, truth: PixelScores) -> None:
        self.errors.add(labels["depth"], truth)

    def values(self) -> dict[str, Tensor]:
        return {
            "absrel": number(self.errors.absrel()),
            "rmse": number(self.errors.rmse()),
            "delta1": number(self.errors.delta1()),
        }
