"""Depth maps between bytes, arrays and pictures: float32 [height, width] in the schema's unit, NaN where unknown."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from contracts.batches import BatchManifest
from contracts.fits.metrics import DepthMetrics, TaskMetrics
from contracts.labelsets import NPY_TYPE
from contracts.schemas import Color, DepthSchema, LabelSchema
from handsoff_shards import members
from handsoff_shards.writing import depth_steps
from models.inversion.framing import Framing, reframe_depths
from models.tasks.depth import DepthTask
from models.tasks.task import TaskLabels
from workers.codecs import png
from workers.codecs.images import Pixels
from workers.codecs.markdown import number
from workers.codecs.task import Array, Fields, Px, Row, TaskCodec, as_array, float_or_none

DepthMap = NDArray[np.float32]

UNKNOWN_COLOR = (60, 0, 80)


class DepthCodec(TaskCodec):
    """Depth maps: 16-bit PNGs in shards, shades of gray in pictures, AbsRel in words."""

    name = "depth"
    noun = "depth"
    kind = DepthTask
    extension = members.DEPTH
    hub_category = "depth-estimation"

    def task(self, labels: LabelSchema) -> DepthTask:
        return DepthTask()

    def unlabelled(self, labels: LabelSchema, px: Px) -> Array:
        return np.full(px, np.nan, dtype=np.float32)

    def decode(self, data: bytes, media_type: str, labels: LabelSchema) -> Array:
        return decode_depth(data, media_type, _schema(labels))

    def resized(self, label: Array, source_px: Px, px: Px) -> Array:
        return resized_depth(label, px)

    def reframed(self, label: Array, framing: Framing, px: Px) -> Array:
        return as_array(reframe_depths(torch.tensor(label)[None], framing)[0])

    def is_empty(self, label: Array) -> bool:
        return bool(np.isnan(label).all())

    def fields(self, labels: TaskLabels, index: int) -> Fields:
        return {"depth": as_array(labels["depth"][index])}

    def predicted(self, labels: TaskLabels, index: int) -> Array:
        return as_array(labels["depth"][index])

    def encode(self, fields: Fields, labels: LabelSchema) -> bytes:
        return encode_depth(fields["depth"], _schema(labels))

    def facts(self, fields: Fields, labels: LabelSchema) -> dict[str, object]:
        """Return the meaning of the values: unit, scale, and the value for unknown."""
        return {"depth": _schema(labels).model_dump(mode="json")}

    def metrics(self, values: Mapping[str, Tensor], labels: LabelSchema) -> dict[str, Any]:
        names = ("absrel", "rmse", "delta1")
        return {"depth": DepthMetrics(**{name: float_or_none(values[name]) for name in names})}

    def headline(self, metrics: TaskMetrics) -> tuple[str, float | None]:
        return "absrel", metrics.depth.absrel if metrics.depth else None

    def quality(self, headline: float) -> float:
        return max(0.0, 1.0 - headline)

    def cell(self, label: Array, truth: Array) -> Pixels:
        """Return the map with the shades of the true map, so that the two can be compared."""
        return shaded(label, label if self.is_empty(truth) else truth)

    def legend(self, labels: LabelSchema) -> list[tuple[str, Color]]:
        return [("depth unknown", UNKNOWN_COLOR)]

    def card_measures(self, metrics: TaskMetrics) -> Iterator[Row]:
        if metrics.depth is not None:
            yield "depth: mean relative error", number(metrics.depth.absrel)

    def card_text(self, labels: LabelSchema, manifest: BatchManifest) -> Iterator[str]:
        schema = _schema(labels)
        unknown = "" if schema.unknown is None else f"; {schema.unknown} means unknown"
        yield f"Depth: a 16-bit value times {schema.scale:g} is the depth in {schema.unit}{unknown}."


def _schema(labels: LabelSchema) -> DepthSchema:
    assert labels.depth is not None
    return labels.depth


def decode_depth(data: bytes, media_type: str, schema: DepthSchema) -> DepthMap:
    """Return a map from its stored bytes: npy unchanged, 16-bit PNG times the schema's scale."""
    if media_type == NPY_TYPE:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), dtype=np.float32)
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        values = np.asarray(image)
    depth = values.astype(np.float32) * np.float32(schema.scale)
    if schema.unknown is not None:
        depth[values == schema.unknown] = np.nan
    return depth


def encode_depth(depth: DepthMap, schema: DepthSchema) -> bytes:
    """Return a generated map as 16-bit PNG in steps of the schema's scale."""
    return png.encode(depth_steps(depth, schema.scale, schema.unknown))


def resized_depth(depth: DepthMap, px: tuple[int, int]) -> DepthMap:
    """Return a map at (height, width) by nearest neighbor, so that surfaces are never mixed."""
    if depth.shape == px:
        return depth
    return np.asarray(Image.fromarray(depth).resize(px[::-1], Image.Resampling.NEAREST))


def shaded(depth: DepthMap, like: DepthMap) -> Pixels:
    """Return a map as an RGB picture: the nearest depth of `like` white, its farthest black, unknown violet."""
    finite = like[~np.isnan(like)]
    nearest, farthest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    share = (farthest - depth) / max(farthest - nearest, 1e-9)
    gray = np.rint(np.clip(np.nan_to_num(share), 0, 1) * 255).astype(np.uint8)
    picture = np.repeat(gray[..., None], 3, axis=2)
    picture[np.isnan(depth)] = UNKNOWN_COLOR
    return picture
