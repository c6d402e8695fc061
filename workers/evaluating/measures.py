"""How each task is judged in an evaluation: sums per image, and the measure that is made from sums over images.

Every measure here is a function of sums over images (confusion counts, hits, relative errors). So a bootstrap draw of
images only adds up rows, and no prediction is kept. One row per task in `MEASURES`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contracts.schemas import LabelSchema
from models.arrays import IGNORE_INDEX
from models.tasks.depth import DepthTask
from models.tasks.keypoint_scores import PCK_SHARE, VISIBLE, reference_px
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task import LabelPx, Task, TaskLabels, check_same

Floats = NDArray[np.float64]
Sums = dict[str, NDArray[Any]]
"""The sums of one task by name; the first axis counts images."""


class Measure(ABC):
    """One task's measure, for the whole and for its parts (classes, keypoints)."""

    task: ClassVar[str]
    title: ClassVar[str]
    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def sums(self, labels: TaskLabels, truth: Tensor, *, task: Task, px: LabelPx) -> Sums:
        """Return sums per image, the first axis, from predicted and true labels."""

    @abstractmethod
    def features(self, sums: Sums) -> Floats:
        """Return [images, features]: the numbers that are added up over images."""

    @abstractmethod
    def parts(self, totals: Floats) -> Floats:
        """Return the measure of each part [..., parts] from added-up features [..., features]; NaN if undefined."""

    @abstractmethod
    def whole(self, totals: Floats) -> Floats:
        """Return the measure [...] from added-up features [..., features]; NaN if undefined."""

    @abstractmethod
    def part_images(self, features: Floats) -> NDArray[np.int64]:
        """Return the number of images whose truth has each part."""

    @abstractmethod
    def part_names(self, labels: LabelSchema) -> tuple[str, ...]:
        """Return the names of the parts."""


class ClassMeasure(Measure):
    """Segmentation: mIoU from confusion counts [images, truth, predicted], without ignored pixels."""

    task = SegmentationTask.name
    title = "mIoU"

    def sums(self, labels: TaskLabels, truth: Tensor, *, task: Task, px: LabelPx) -> Sums:
        assert isinstance(task, SegmentationTask)
        check_same(labels["masks"], truth, "masks")
        classes = task.num_classes
        # Image by image: one bincount of (truth, predicted) cells.
        counts = [
            _confusion(predicted, real, classes)
            for predicted, real in zip(labels["masks"], truth, strict=True)
        ]
        return {"confusion": np.stack(counts)}

    def features(self, sums: Sums) -> Floats:
        """Return hits, true pixels and predicted pixels of each class: [images, 3 classes]."""
        confusion = sums["confusion"].astype(np.float64)
        hits = np.diagonal(confusion, axis1=1, axis2=2)
        return np.concatenate([hits, confusion.sum(axis=2), confusion.sum(axis=1)], axis=1)

    def parts(self, totals: Floats) -> Floats:
        """Return the IoU of the classes that occur in the truth: hits / (truth + predicted - hits).

        A class without a true pixel has no IoU, also where it is predicted: its pixels already count against the true
        classes. torchmetrics 1.9 counts such a class as 0, and averages over images instead of adding up pixels.
        """
        hits, truth, predicted = np.split(totals, 3, axis=-1)
        union = truth + predicted - hits
        return np.where(truth > 0, _ratio(hits, union), np.nan)

    def whole(self, totals: Floats) -> Floats:
        return _nan_mean(self.parts(totals))

    def part_images(self, features: Floats) -> NDArray[np.int64]:
        truth = np.split(features, 3, axis=-1)[1]
        return _images_with(truth)

    def part_names(self, labels: LabelSchema) -> tuple[str, ...]:
        return labels.classes


class PointMeasure(Measure):
    """Keypoints: PCK@0.1 from hits and visible points [images, points]."""

    task = KeypointTask.name
    title = "PCK@0.1"

    def sums(self, labels: TaskLabels, truth: Tensor, *, task: Task, px: LabelPx) -> Sums:
        assert isinstance(task, KeypointTask)
        check_same(labels["points"], truth, "keypoints")
        visible = truth[:, :, 2] == VISIBLE
        lengths = reference_px(truth, px, task.reference)
        distance = (labels["points"][:, :, :2] - truth[:, :, :2]).norm(dim=2)
        hits = (distance <= PCK_SHARE * lengths[:, None]) & visible
        return {
            "hits": np.asarray(hits).astype(np.int64),
            "visible": np.asarray(visible).astype(np.int64),
        }

    def features(self, sums: Sums) -> Floats:
        return np.concatenate([sums["hits"], sums["visible"]], axis=1).astype(np.float64)

    def parts(self, totals: Floats) -> Floats:
        hits, visible = np.split(totals, 2, axis=-1)
        return _ratio(hits, visible)

    def whole(self, totals: Floats) -> Floats:
        """Return the share of hits among all visible points."""
        hits, visible = (part.sum(axis=-1) for part in np.split(totals, 2, axis=-1))
        return _ratio(hits, visible)

    def part_images(self, features: Floats) -> NDArray[np.int64]:
        return _images_with(np.split(features, 2, axis=-1)[1])

    def part_names(self, labels: LabelSchema) -> tuple[str, ...]:
        return labels.keypoints.names if labels.keypoints else ()


class DepthMeasure(Measure):
    """Depth: AbsRel from relative errors and pixels [images, 1]. The pixels are those with a positive truth."""

    task = DepthTask.name
    title = "AbsRel"
    higher_is_better = False

    def sums(self, labels: TaskLabels, truth: Tensor, *, task: Task, px: LabelPx) -> Sums:
        check_same(labels["depth"], truth, "depth")
        known = truth > 0  # false for NaN
        # 1 replaces unknown truths, so that nothing is divided by 0; their errors are dropped.
        error = (labels["depth"] - truth).abs() / truth.where(known, 1.0)
        return {
            "errors": np.asarray(error.double().where(known, 0.0).sum(dim=(1, 2)))[:, None],
            "pixels": np.asarray(known.sum(dim=(1, 2)))[:, None],
        }

    def features(self, sums: Sums) -> Floats:
        return np.concatenate([sums["errors"], sums["pixels"]], axis=1).astype(np.float64)

    def parts(self, totals: Floats) -> Floats:
        return _ratio(totals[..., :1], totals[..., 1:])

    def whole(self, totals: Floats) -> Floats:
        errors, pixels = totals[..., 0], totals[..., 1]
        return _ratio(errors, pixels)

    def part_images(self, features: Floats) -> NDArray[np.int64]:
        return _images_with(features[:, 1:])

    def part_names(self, labels: LabelSchema) -> tuple[str, ...]:
        return (self.task,)


MEASURES: Mapping[str, Measure] = {
    measure.task: measure for measure in (ClassMeasure(), PointMeasure(), DepthMeasure())
}


def _confusion(predicted: Tensor, truth: Tensor, classes: int) -> NDArray[np.int64]:
    known = truth != IGNORE_INDEX
    cells = truth[known].long() * classes + predicted[known].long()
    counts = torch.bincount(cells.flatten(), minlength=classes**2)
    return np.asarray(counts.view(classes, classes), dtype=np.int64)


def _nan_mean(values: Floats) -> Floats:
    """Return the mean over the last axis without NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return _ratio(total, count.astype(np.float64))


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below; NaN where `below` is 0."""
    values: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return values


def _images_with(amounts: Floats) -> NDArray[np.int64]:
    """Return how many images have some of each part; amounts: [images, parts]."""
    counts: NDArray[np.int64] = (amounts > 0).sum(axis=0)
    return counts
