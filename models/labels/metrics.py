"""Scores of segmentation masks: the confusion of a whole test set, and intersection over union from it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.arrays import IGNORE_INDEX


class ConfusionMatrix:
    """Counts of (true class, predicted class) with pixels pooled over every image that was added."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts: Int[Tensor, "truth predicted"] = torch.zeros(
            num_classes, num_classes, dtype=torch.int64
        )

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add class indices of equal shape; pixels whose truth is 255 do not count."""
        if predicted.shape != truth.shape:
            raise ValueError(
                f"prediction has shape {tuple(predicted.shape)}, truth {tuple(truth.shape)}; "
                "both must be masks of the same images"
            )
        known = truth != IGNORE_INDEX
        cells = truth[known].long() * self.num_classes + predicted[known].long()
        counts = torch.bincount(cells.flatten().cpu(), minlength=self.num_classes**2)
        self.counts += counts.view_as(self.counts)

    def iou(self) -> Float[Tensor, " classes"]:
        """Intersection over union of each class; NaN for a class that occurs in neither truth nor prediction."""
        hits = self.counts.diagonal().double()
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diagonal()
        return hits / union.double()

    def mean_iou(self) -> float:
        """Mean over the classes that the truth contains; NaN when there are none."""
        present = self.counts.sum(dim=1) > 0
        return float(self.iou()[present].mean())

    def accuracy(self) -> float:
        """Share of the known pixels that are right."""
        return float(self.counts.diagonal().sum() / self.counts.sum())
