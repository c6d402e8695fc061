"""What an ensemble says as a whole: the mean of its members and how far apart they are, task by task.

Members come one by one and none is kept: one member's maps and the running sums are all that exists.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import FeatureMaps, Keypoints, PixelScores, Scores
from models.labels.decoding import Points, Window, decode, window_radius
from models.labels.tasks import DEPTH, KEYPOINTS, SEGMENTATION, KeypointTask, TaskSet
from models.labels.uncertainty import binary_entropy, entropy, image_scores

PointValues = Float[Tensor, "batch points"]


class Mean:
    """The mean of equally shaped tensors, added in place to the first, which is given up for it."""

    def __init__(self) -> None:
        self._total: Tensor | None = None
        self._count = 0

    def add(self, values: Tensor) -> None:
        self._total = values if self._total is None else self._total.add_(values)
        self._count += 1

    @property
    def value(self) -> Tensor:
        if self._total is None:
            raise ValueError("an ensemble without members has no opinion; give at least one")
        return self._total / self._count


class Votes(ABC):
    """The members' outputs for one task, counted."""

    @abstractmethod
    def add(self, outputs: FeatureMaps) -> None:
        """One member's raw outputs for the task."""

    @property
    @abstractmethod
    def uncertainty(self) -> PixelScores:
        """How far the members are apart at every pixel."""

    @property
    @abstractmethod
    def scores(self) -> Scores:
        """How far they are apart in every image."""


class ClassVotes(Votes):
    """Mean class probabilities, and the members' divergence H(mean p) - mean H(p) in nats (HandsOff, section 3.3).

    Softmax is averaged, never logits.
    """

    def __init__(self) -> None:
        self._mean, self._entropy = Mean(), Mean()

    def add(self, outputs: FeatureMaps) -> None:
        log_probabilities = outputs.log_softmax(dim=1)
        probabilities = log_probabilities.exp()
        self._entropy.add(-(probabilities * log_probabilities).sum(dim=1))
        self._mean.add(probabilities)

    @cached_property
    def probabilities(self) -> FeatureMaps:
        return self._mean.value

    @cached_property
    def uncertainty(self) -> PixelScores:
        return (entropy(self.probabilities) - self._entropy.value).clamp(min=0)

    @property
    def scores(self) -> Scores:
        return image_scores(self.uncertainty)


class PointVotes(Votes):
    """Mean heat maps and visibilities, and the points that each member would have set."""

    def __init__(self, task: KeypointTask, label_px: tuple[int, int]) -> None:
        self._radius = window_radius(task.sigma_px(label_px))
        self._heat, self._visible, self._entropy = Mean(), Mean(), Mean()
        self._points: list[Points] = []

    def add(self, outputs: FeatureMaps) -> None:
        heat, visible = outputs.sigmoid().chunk(2, dim=1)
        self._points.append(decode(heat, Window.around(heat, self._radius)))
        self._entropy.add(binary_entropy(heat).sum(dim=1))
        self._heat.add(heat)
        self._visible.add(visible)

    def read(self) -> tuple[Keypoints, PointValues]:
        """X, y and confidence of every keypoint, and how probable it is that it can be seen.

        The confidence is the height of the mean heat map: 1 where all members are sure of one place. The visibility is
        that of the place, weighted by the heat around it.
        """
        heat = self._heat.value
        window = Window.around(heat, self._radius)
        weights = window.read(heat)
        seen = (window.read(self._visible.value) * weights).sum(dim=2) / weights.sum(dim=2)
        confidences = heat.flatten(2).amax(dim=2, keepdim=True)
        return torch.cat([decode(heat, window), confidences], dim=2), seen

    @cached_property
    def spread_px(self) -> PointValues:
        """How far the members' own points lie from their mean, as a root mean square."""
        points = torch.stack(self._points)
        return (points - points.mean(dim=0)).square().sum(dim=-1).mean(dim=0).sqrt()

    @property
    def uncertainty(self) -> PixelScores:
        """The divergence of the members' heat maps in nats, summed over the keypoints."""
        return (binary_entropy(self._heat.value).sum(dim=1) - self._entropy.value).clamp(min=0)

    @property
    def scores(self) -> Scores:
        """The mean spread in pixels."""
        return self.spread_px.mean(dim=1)


class DepthVotes(Votes):
    """Mean and standard deviation over the members, in the unit of the labels."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None

    def add(self, outputs: FeatureMaps) -> None:
        """Welford's update: exact also where the depth is large and the members hardly differ."""
        depth = outputs[:, 0]
        self._count += 1
        if self._mean is None or self._squares is None:
            self._mean, self._squares = depth.clone(), torch.zeros_like(depth)
            return
        away = depth - self._mean
        self._mean.add_(away / self._count)
        self._squares.add_(away * (depth - self._mean))

    @property
    def depth(self) -> PixelScores:
        if self._mean is None:
            raise ValueError("an ensemble without members has no opinion; give at least one")
        return self._mean

    @property
    def uncertainty(self) -> PixelScores:
        if self._squares is None:
            raise ValueError("an ensemble without members has no opinion; give at least one")
        return (self._squares / self._count).sqrt()

    @property
    def scores(self) -> Scores:
        return image_scores(self.uncertainty)


class Ballot:
    """The votes of every task; `segmentation`, `keypoints` and `depth` are None where there is no such task."""

    def __init__(self, tasks: TaskSet, label_px: tuple[int, int]) -> None:
        self._tasks = tasks
        self.segmentation = ClassVotes() if tasks.segmentation else None
        self.keypoints = PointVotes(tasks.keypoints, label_px) if tasks.keypoints else None
        self.depth = DepthVotes() if tasks.depth else None

    @property
    def votes(self) -> dict[str, Votes]:
        """By the name of the task, in the order of the outputs."""
        votes = {SEGMENTATION: self.segmentation, KEYPOINTS: self.keypoints, DEPTH: self.depth}
        return {name: vote for name, vote in votes.items() if vote is not None}

    def count(self, member_outputs: Iterable[FeatureMaps]) -> "Ballot":
        """Adds members that come one by one, each with raw outputs [n, outputs, h, w]."""
        votes = self.votes
        for outputs in member_outputs:
            for name, part in self._tasks.split(outputs, dim=1).items():
                votes[name].add(part)
        return self
