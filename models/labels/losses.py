"""The curve of a training: the mean loss of a member in equal parts of the steps."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_POINTS = 50


@dataclass(frozen=True)
class LossPoint:
    """The mean loss of a member over the steps since the point before, up to `step`."""

    step: int
    loss: float


class LossCurve:
    """Sums the losses of at most `MAX_POINTS` equal parts of a training.

    The sums stay on the device of the training: reading a loss at every step would make a GPU wait each time.
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self._steps = steps
        self.sums = torch.zeros(min(MAX_POINTS, steps), device=device)

    def add(self, step: int, loss: Tensor) -> None:
        """Add the loss of a step from 1 to `steps`."""
        self.sums[(step - 1) * len(self.sums) // self._steps] += loss.detach()

    def points(self, num_members: int) -> list[LossPoint]:
        """Return the curve of a finished training whose losses are sums over the members.

        Parts without a finite loss are left out: one that has overflowed, or all after the state of an earlier version.
        """
        count = len(self.sums)
        # the last step of each part: -(-a // b) rounds up
        ends = [-(-self._steps * (part + 1) // count) for part in range(count)]
        sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        means = (self.sums.double().cpu() / torch.tensor(sizes) / num_members).tolist()
        points = map(LossPoint, ends, means)
        return [point for point in points if math.isfinite(point.loss)]
