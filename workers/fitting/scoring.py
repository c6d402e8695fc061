"""Scores of rendered labels against the truth, task by task, pooled over all images that are added."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from contracts.fits.metrics import TaskMetrics
from contracts.schemas import LabelSchema
from models.tasks.task import TaskLabels
from models.tasks.task_set import Labels
from workers.codecs.task import Px, TaskCodec


class Scorer:
    """Scores the tasks that `labels` has. A label generator may have more tasks; those are skipped."""

    def __init__(self, codecs: Sequence[TaskCodec], labels: LabelSchema, px: Px) -> None:
        self._codecs, self._labels = codecs, labels
        self._scores = {codec.name: codec.task(labels).score(px) for codec in codecs}

    def add(self, predicted: Mapping[str, TaskLabels], truth: Labels) -> None:
        """Add the labels of some images, by task, with their true labels."""
        for task, score in self._scores.items():
            score.add(predicted[task], truth[task])

    def values(self, task: str) -> Mapping[str, Tensor]:
        """Return all measures of one task."""
        return self._scores[task].values()

    def metrics(self) -> TaskMetrics:
        """Return the scores of all tasks as the contract's metrics."""
        fields: dict[str, Any] = {}
        for codec in self._codecs:
            fields |= codec.metrics(self.values(codec.name), self._labels)
        return TaskMetrics(**fields)
