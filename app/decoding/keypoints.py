"""Reads the keypoints of one image that nobody trusts: named points in pixels, with COCO's visibility.

Out: a point for every name of the schema, in its order. Coordinates are continuous: the first pixel's centre lies at
0.5, 0.5.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from app.decoding.refusal import Refused
from app.decoding.texts import read_text
from app.messages import describe, place_of
from contracts.base import Model
from contracts.labelsets import LabelledPoint, StoredKeypoints
from contracts.schemas import KeypointSchema

UNLABELLED = LabelledPoint(x=0.0, y=0.0, visibility=0)
_MAX_SHOWN_NAMES = 20


class NamedPoint(Model):
    """One keypoint as it is sent. `confidence` is what our own shards add; a label has none, so it is not kept."""

    name: str
    x: float
    y: float
    visibility: Literal[0, 1, 2] = 2
    confidence: float | None = None


class KeypointFile(Model):
    """`keypoints/NAME.json`."""

    keypoints: Annotated[tuple[NamedPoint, ...], Field(min_length=1)]


def read_keypoints(path: Path, name: str, max_bytes: int) -> tuple[NamedPoint, ...]:
    """The points of one file as they were sent. Raises `Refused` for anything else."""
    text = read_text(path, name, max_bytes, "Send fewer keypoints.")
    try:
        return KeypointFile.model_validate_json(text).keypoints
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in place_of(first)) or "the file"
        detail = (
            f"{where}: {describe(first)} Expected"
            ' {"keypoints": [{"name": "nose", "x": 31.5, "y": 20.0, "visibility": 2}]}.'
        )
        raise Refused(name, detail) from error


def place_points(
    points: Sequence[NamedPoint], name: str, size: tuple[int, int], schema: KeypointSchema
) -> StoredKeypoints:
    """The points in the schema's order; a name that did not come is not labelled. `size` is (width, height).

    Raises `Refused` for an unknown or repeated name, a labelled point outside the image, and when none is labelled.
    """
    placed: dict[str, LabelledPoint] = {}
    for point in points:
        if point.name not in schema.names:
            raise Refused(name, _unknown(point.name, schema))
        if point.name in placed:
            raise Refused(name, f"Keypoint '{point.name}' came twice. Keep one of them.")
        placed[point.name] = _place(point, name, size)
    if not any(point.visibility for point in placed.values()):
        detail = "No keypoint in it has a visibility of 1 or 2: it labels nothing. Label one, or leave the file out."
        raise Refused(name, detail)
    return StoredKeypoints(points=tuple(placed.get(known, UNLABELLED) for known in schema.names))


def _place(point: NamedPoint, file: str, size: tuple[int, int]) -> LabelledPoint:
    if point.visibility == 0:
        return UNLABELLED
    width_px, height_px = size
    if not (0 <= point.x <= width_px and 0 <= point.y <= height_px):
        detail = (
            f"Keypoint '{point.name}' lies at ({point.x:g}, {point.y:g}), outside the image of {width_px} x"
            f" {height_px} pixels (upright). Correct it, or give it visibility 0."
        )
        raise Refused(file, detail)
    return LabelledPoint(x=point.x, y=point.y, visibility=point.visibility)


def _unknown(name: str, schema: KeypointSchema) -> str:
    known = ", ".join(schema.names[:_MAX_SHOWN_NAMES])
    more = ", ..." if len(schema.names) > _MAX_SHOWN_NAMES else ""
    return (
        f"The schema has no keypoint '{name[:64]}'; it has {known}{more}."
        " Correct the name, or add it to labelset.json."
    )
