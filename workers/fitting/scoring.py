"""Scores of rendered labels against the truth, task by task, pooled over all images that were added."""

import math

from models.labels.metrics import CalibrationError, ConfusionMatrix, DepthScore, KeypointScore
from models.labels.tasks import Labels
from torch import Tensor

from contracts.fits.metrics import DepthMetrics, KeypointMetrics, TaskMetrics
from contracts.schemas import LabelSchema
from models.labels.label_generator import Rendered


class Scorer:
    """Counts what `labels` has a truth for; the other tasks of a label generator are passed over."""

    def __init__(self, labels: LabelSchema) -> None:
        self._labels = labels
        self.confusion = ConfusionMatrix(labels.num_classes)
        self._calibration = CalibrationError()
        self._keypoints = KeypointScore(len(labels.keypoints.names) if labels.keypoints else 0)
        self._depth = DepthScore()

    def add(self, rendered: Rendered, truth: Labels, reference_px: Tensor) -> None:
        """Add images with their truth; `reference_px` is the length by which keypoint errors are judged, of each."""
        if truth.masks is not None and rendered.masks is not None:
            assert rendered.confidences is not None
            self.confusion.add(rendered.masks, truth.masks)
            self._calibration.add(rendered.masks, rendered.confidences, truth.masks)
        if truth.keypoints is not None and rendered.keypoints is not None:
            assert rendered.visibility is not None
            self._keypoints.add(
                rendered.keypoints, rendered.visibility, truth.keypoints, reference_px
            )
        if truth.depth is not None and rendered.depth is not None:
            self._depth.add(rendered.depth, truth.depth)

    def metrics(self) -> TaskMetrics:
        """The score of each task that the labels have."""
        labels = self._labels
        return TaskMetrics(
            miou=known(self.confusion.mean_iou()) if labels.classes else None,
            class_iou=named(labels.classes, self.confusion.iou()) if labels.classes else {},
            ece=known(self._calibration.error()) if labels.classes else None,
            keypoints=self._keypoint_metrics(labels.keypoints.names) if labels.keypoints else None,
            depth=self._depth_metrics() if labels.depth else None,
        )

    def _keypoint_metrics(self, names: tuple[str, ...]) -> KeypointMetrics:
        return KeypointMetrics(
            pck=known(self._keypoints.pck()),
            point_pck=named(names, self._keypoints.point_pck()),
            mean_error_px=known(self._keypoints.mean_error_px()),
            visibility_accuracy=known(self._keypoints.visibility_accuracy()),
        )

    def _depth_metrics(self) -> DepthMetrics:
        return DepthMetrics(
            absrel=known(self._depth.absrel()),
            rmse=known(self._depth.rmse()),
            delta1=known(self._depth.delta1()),
        )


def known(value: float) -> float | None:
    """None for a number that there was nothing to tell from."""
    return None if math.isnan(value) else value


def named(names: tuple[str, ...], values: Tensor) -> dict[str, float | None]:
    """Numbers by name; None for one that there was nothing to tell from."""
    return dict(zip(names, map(known, values.tolist()), strict=True))
