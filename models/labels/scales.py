"""The difference between what members are trained on and what they shall say: class priors and the unit of depth.

Members learn from pixels of drawn classes and from depth in standard deviations. Both are undone in the weights of the
last layer once training is over, so a stored ensemble speaks of true shares and in the labels' own unit.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import IGNORE_INDEX, PixelScores
from models.labels.drawing import class_weights
from models.labels.ensemble import Ensemble
from models.labels.tasks import DEPTH, SEGMENTATION, Labels, TaskSet


@dataclass(frozen=True, kw_only=True)
class Scales:
    """c(y) of `drawing.py`, and mean and deviation of the known depth; 1, 0 and 1 where a task is missing."""

    class_weights: Float[Tensor, " classes"]
    depth_mean: float = 0.0
    depth_deviation: float = 1.0

    @classmethod
    def of(cls, labels: Labels, tasks: TaskSet, balance: float) -> "Scales":
        """Measured on the training labels."""
        weights, mean, deviation = torch.ones(1, device=labels.device), 0.0, 1.0
        if tasks.segmentation and labels.masks is not None:
            weights = class_weights(labels.masks, tasks.segmentation.num_classes, balance)
        if tasks.depth and labels.depth is not None:
            known = labels.depth[~labels.depth.isnan()].double()
            mean = float(known.mean())
            deviation = float(known.std(correction=0)) or 1.0  # a flat scene has no deviation
        return cls(class_weights=weights, depth_mean=mean, depth_deviation=deviation)

    def at(self, labels: Labels) -> PixelScores | float:
        """c(y) of every pixel's own class; 1 where it is not known and without classes."""
        if labels.masks is None:
            return 1.0
        known = labels.masks != IGNORE_INDEX
        return torch.where(known, self.class_weights[labels.masks.where(known, 0).long()], 1.0)

    def standardise(self, labels: Labels) -> Labels:
        """The labels with depth in deviations from the mean."""
        if labels.depth is None:
            return labels
        return replace(labels, depth=(labels.depth - self.depth_mean) / self.depth_deviation)

    @torch.no_grad()
    def undo(self, ensemble: Ensemble) -> None:
        """Changes the last layer so that it speaks of the true prior and in the unit of depth."""
        tasks = ensemble.config.tasks
        weights = tasks.split(ensemble.layer3.weight, dim=-1)
        biases = tasks.split(ensemble.layer3.bias, dim=-1)
        if tasks.segmentation:
            biases[SEGMENTATION].sub_(self.class_weights.log())
        if tasks.depth:
            weights[DEPTH].mul_(self.depth_deviation)
            biases[DEPTH].mul_(self.depth_deviation).add_(self.depth_mean)
