"""Keypoints between bytes, arrays and pictures: [k, 3] float32 of x and y in pixels and COCO's visibility."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contracts.batches import BatchManifest
from contracts.fits.metrics import Estimate, KeypointMetrics, TaskMetrics, TraitShare
from contracts.labelsets import LabelsetManifest, StoredKeypoints
from contracts.schemas import Color, KeypointSchema, LabelSchema
from handsoff_shards import members
from handsoff_shards.decoding import decode_keypoints
from handsoff_shards.writing import encode_keypoints
from models.inversion.framing import Framing, reframe_points
from models.tasks.keypoints import KeypointTask
from models.tasks.task import TaskLabels
from workers.codecs.images import Pixels
from workers.codecs.markdown import number
from workers.codecs.task import (
    FEW_IMAGES,
    Array,
    Fields,
    Px,
    Row,
    TaskCodec,
    as_array,
    counts_by_name,
    float_or_none,
    floats_by_name,
    interval_or_none,
    intervals_by_name,
)

Points = NDArray[np.float32]

DOT_SHARE = 1 / 160
"""Half the width of a drawn dot as a share of the picture's height."""
VISIBLE_COLOR, HIDDEN_COLOR = (255, 230, 0), (130, 130, 130)
WEAK_PCK = 0.5


class KeypointCodec(TaskCodec):
    """Keypoints: JSON in shards, dots in pictures, PCK in words."""

    name = "keypoints"
    noun = "keypoints"
    kind = KeypointTask
    extension = members.KEYPOINTS
    hub_category = "keypoint-detection"

    def task(self, labels: LabelSchema) -> KeypointTask:
        schema = _schema(labels)
        first, second = schema.reference or (None, None)
        if first is None or second is None:
            return KeypointTask(len(schema.names))
        reference = (schema.names.index(first), schema.names.index(second))
        return KeypointTask(len(schema.names), reference=reference)

    def unlabelled(self, labels: LabelSchema, px: Px) -> Array:
        return np.zeros((len(_schema(labels).names), 3), dtype=np.float32)

    def decode(self, data: bytes, media_type: str, labels: LabelSchema) -> Array:
        return decode_points(data)

    def resized(self, label: Array, source_px: Px, px: Px) -> Array:
        scale = np.array([px[1] / source_px[1], px[0] / source_px[0], 1.0], np.float32)
        return label * scale

    def reframed(self, label: Array, framing: Framing, px: Px) -> Array:
        return as_array(reframe_points(torch.tensor(label)[None], framing, px)[0])

    def is_empty(self, label: Array) -> bool:
        return not label[:, 2].any()

    def trait_names(self, labels: LabelSchema) -> Sequence[str]:
        return _schema(labels).names

    def trait_amounts(self, label: Array, labels: LabelSchema) -> Sequence[float]:
        """Return 1 for each visible point, 0 for the others."""
        return [float(visibility > 1) for visibility in label[:, 2]]

    def fields(self, labels: TaskLabels, index: int) -> Fields:
        return {name: as_array(labels[name][index]) for name in ("points", "visibility")}

    def predicted(self, labels: TaskLabels, index: int) -> Array:
        """Return the points with visibility instead of confidence in the third column."""
        points = labels["points"][index].clone()
        points[:, 2] = labels["visibility"][index]
        return as_array(points)

    def label(self, fields: Fields) -> Array:
        """Return the points with visibility instead of confidence in the third column."""
        return np.column_stack([fields["points"][:, :2], fields["visibility"]]).astype(np.float32)

    def stored(self, data: bytes, labels: LabelSchema) -> Array:
        """Return the points with visibility instead of confidence in the third column."""
        return decode_keypoints(data)[0]

    def encode(self, fields: Fields, labels: LabelSchema) -> bytes:
        return encode_keypoints(_schema(labels).names, fields["points"], fields["visibility"])

    def metrics(self, values: Mapping[str, Tensor], labels: LabelSchema) -> dict[str, Any]:
        names = _schema(labels).names
        measures = KeypointMetrics(
            pck=float_or_none(values["pck"]),
            point_pck=floats_by_name(names, values["point_pck"]),
            pck_interval=interval_or_none(values["pck_interval"]),
            point_intervals=intervals_by_name(names, values["point_intervals"]),
            point_images=counts_by_name(names, values["images"]),
            mean_error_px=float_or_none(values["mean_error_px"]),
            visibility_accuracy=float_or_none(values["visibility_accuracy"]),
        )
        return {"keypoints": measures}

    def headline(self, metrics: TaskMetrics) -> tuple[str, float | None]:
        return "pck", metrics.keypoints.pck if metrics.keypoints else None

    def overlay(self, picture: Pixels, label: Array, labels: LabelSchema) -> Pixels:
        return draw_points(picture, label)

    def legend(self, labels: LabelSchema) -> list[tuple[str, Color]]:
        return [("keypoint, visible", VISIBLE_COLOR), ("keypoint, hidden", HIDDEN_COLOR)]

    def agreement(self, predicted: Array, truth: Array) -> list[str]:
        """Return the mean distance of the labelled points as a line."""
        labelled = truth[:, 2] > 0
        if not labelled.any():
            return []
        off = predicted[labelled, :2] - truth[labelled, :2]
        return [f"keypoints {np.hypot(*off.T).mean():.1f} px off"]

    def compared_shares(self, name: str, share: TraitShare, num_samples: int) -> str:
        return (
            f"keypoint {name}: visible in {share.generated:.0%} of {num_samples} generated samples, but in"
            f" {share.labelled:.0%} of the labelled images"
        )

    def rare(self, labelset: LabelsetManifest) -> tuple[str, Mapping[str, int]]:
        names = _schema(labelset.labels).names
        return "keypoint", dict(zip(names, labelset.keypoint_images, strict=True))

    def weaknesses(self, labelset: LabelsetManifest, estimate: Estimate) -> Iterator[str]:
        """Yield advice on points that are often missed although enough images label them."""
        if estimate.keypoints is None:
            return
        _, counts = self.rare(labelset)
        for name, pck in estimate.keypoints.point_pck.items():
            if pck is not None and pck < WEAK_PCK and counts[name] >= FEW_IMAGES:
                yield (
                    f"keypoint {name} is predicted correctly in {pck:.0%} of the images;"
                    " check its labels, or add images"
                )

    def card_measures(self, metrics: TaskMetrics) -> Iterator[Row]:
        if metrics.keypoints is not None:
            yield "correct keypoints (PCK@0.1)", number(metrics.keypoints.pck)

    def card_text(self, labels: LabelSchema, manifest: BatchManifest) -> Iterator[str]:
        names = ", ".join(_schema(labels).names)
        yield f"Keypoints, in pixels (the center of the first pixel is 0.5, 0.5): {names}."


def _schema(labels: LabelSchema) -> KeypointSchema:
    assert labels.keypoints is not None
    return labels.keypoints


def decode_points(data: bytes) -> Points:
    """Return the points of one image from their stored JSON."""
    stored = StoredKeypoints.model_validate_json(data)
    rows = [(point.x, point.y, point.visibility) for point in stored.points]
    return np.array(rows, dtype=np.float32)


def draw_points(picture: Pixels, points: Points) -> Pixels:
    """Return a copy of an RGB picture with a dot at every labelled point: bright for visible, gray for hidden."""
    drawn = picture.copy()
    radius = round(DOT_SHARE * picture.shape[0])
    for x, y, visibility in points.tolist():
        if visibility:
            column, row = int(x), int(y)
            rows = slice(max(0, row - radius), row + radius + 1)
            columns = slice(max(0, column - radius), column + radius + 1)
            drawn[rows, columns] = VISIBLE_COLOR if visibility > 1 else HIDDEN_COLOR
    return drawn
