"""Scores of one trained arm on held-out images, image by image: small sums from which every measure follows.

A job keeps them as bytes: 300 images with 19 classes take about 100 KB.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from models.downstream.network import DownstreamNetwork
from models.downstream.pairs import Pairs
from models.tasks.task import TaskLabels
from models.tasks.task_set import Labels, TaskSet
from workers.evaluating.measures import MEASURES, Floats, Sums

Predictions = Mapping[str, TaskLabels]
"""Predicted labels by task, as `models.labels.label_generator.Rendered.labels` has them."""


@dataclass(frozen=True)
class ImageScores:
    """Sums per held-out image by task and name, in the order of the held-out images.

    Segmentation: `confusion` int64 [images, truth, predicted] without ignored pixels. Keypoints: `hits` and `visible`
    int64 [images, points]. Depth: `errors` float64 (relative) and `pixels` int64, both [images, 1].
    """

    by_task: Mapping[str, Sums]

    def __len__(self) -> int:
        """The number of images."""
        return len(next(iter(next(iter(self.by_task.values())).values())))

    def features(self, task: str) -> Floats:
        """Return the numbers of each image that a measure adds up."""
        return MEASURES[task].features(self.by_task[task])

    def to_bytes(self) -> bytes:
        """Return a compressed npz file."""
        arrays = {
            f"{task}.{name}": values
            for task, sums in self.by_task.items()
            for name, values in sums.items()
        }
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo `to_bytes`."""
        by_task: dict[str, Sums] = {}
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            for key in arrays.files:
                task, name = key.split(".", 1)
                by_task.setdefault(task, {})[name] = arrays[key]
        return cls(by_task)

    @classmethod
    def joined(cls, pieces: Sequence[Self]) -> Self:
        """Return the scores of several batches of images as one."""
        return cls(
            {
                task: {
                    name: np.concatenate([piece.by_task[task][name] for piece in pieces])
                    for name in sums
                }
                for task, sums in pieces[0].by_task.items()
            }
        )


def score_images(predictions: Predictions, truth: Labels, tasks: TaskSet) -> ImageScores:
    """Score the predicted labels of some images. Tasks without a measure of evaluations are left out.

    Raises:
        ValueError: no task has a measure, or predictions and truth have different shapes.
    """
    if not set(tasks.names) & MEASURES.keys():
        raise ValueError(
            f"expected a task of {', '.join(MEASURES)}, got {', '.join(tasks.names)}; evaluations measure no other"
        )
    return ImageScores(
        {
            task.name: MEASURES[task.name].sums(
                predictions[task.name], truth[task.name], task=task, px=truth.label_px
            )
            for task in tasks
            if task.name in MEASURES
        }
    )


def score_network(network: DownstreamNetwork, held_out: Pairs, tasks: TaskSet) -> ImageScores:
    """Label the held-out images with a trained network and score them, batch by batch."""
    return score_batches(network.predict(held_out.images), held_out.labels, tasks)


def score_batches(batches: Iterable[Predictions], truth: Labels, tasks: TaskSet) -> ImageScores:
    """Score predictions that arrive in batches, in the order of the images of `truth`."""
    pieces, first = [], 0
    for predictions in batches:
        count = len(next(iter(next(iter(predictions.values())).values())))
        rows = torch.arange(first, first + count)
        pieces.append(score_images(predictions, truth.select(rows), tasks))
        first += count
    if first != len(truth):
        raise ValueError(f"expected predictions of {len(truth)} images, got {first}")
    return ImageScores.joined(pieces)
