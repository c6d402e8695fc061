"""Reads the untrusted keypoints of one image: named points in pixels, with COCO's visibility.

Returns one point for every name of the schema, in its order. Coordinates are continuous: the center of the first pixel
is (0.5, 0.5).
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from app.decoding.refusal import Refused
from app.decoding.texts import check_unique_fields, read_text
from app.messages import describe, place_of
from contracts.base import Model
from contracts.labelsets import LabelledPoint, StoredKeypoints
from contracts.schemas import KeypointSchema, normalized

UNLABELLED = LabelledPoint(x=0.0, y=0.0, visibility=0)
_MAX_SHOWN_NAMES = 20
_NUM_NUMBERS = 4
"""So many coordinates, those of two points, are not in the first pixel by chance."""


def _no_truth_value(value: object) -> object:
    """Raise for true and false, which equal 1 and 0 in Python: true hardly means "covered"."""
    if isinstance(value, bool):
        raise ValueError(f"expected 0, 1 or 2, got {str(value).lower()}")  # noqa: TRY004 - pydantic expects ValueError
    return value


class NamedPoint(Model):
    """One keypoint of an upload. `confidence` is a field of the service's shards; it is accepted and dropped.

    A point that is not labelled may have null or NaN as coordinates.
    """

    name: str
    x: float
    y: float
    visibility: Annotated[Literal[0, 1, 2], BeforeValidator(_no_truth_value)] = 2
    confidence: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_place(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("visibility") not in (None, 0):
            return value
        places = [value.get(axis, 0) for axis in "xy"]
        if any(one is None or (isinstance(one, float) and math.isnan(one)) for one in places):
            return value | {"x": 0.0, "y": 0.0, "visibility": 0}
        return value


class KeypointFile(Model):
    """`keypoints/NAME.json`."""

    keypoints: Annotated[tuple[NamedPoint, ...], Field(min_length=1)]


def read_keypoints(path: Path, name: str, max_bytes: int) -> tuple[NamedPoint, ...]:
    """Return the points of one file. Raises `Refused` for an invalid file."""
    text = read_text(path, name, max_bytes, "Send fewer keypoints.")
    try:
        content = KeypointFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in place_of(first)) or "the file"
        detail = (
            f"{where}: {describe(first)} Expected"
            ' {"keypoints": [{"name": "nose", "x": 31.5, "y": 20.0, "visibility": 2}]}.'
        )
        raise Refused(name, detail) from error
    try:
        check_unique_fields(text)
    except ValueError as error:
        raise Refused(name, str(error)) from error
    return content.keypoints


def are_shares(coordinates: Iterable[float]) -> bool:
    """Return whether coordinates are shares of an image instead of pixels: all from 0 to 1, with a fraction."""
    count, has_fraction = 0, False
    for count, number in enumerate(coordinates, start=1):  # noqa: B007 - the count is used below
        if not 0 <= number <= 1:
            return False
        has_fraction = has_fraction or not number.is_integer()
    return has_fraction and count >= _NUM_NUMBERS


def order_points(
    points: Sequence[NamedPoint], name: str, size: tuple[int, int], schema: KeypointSchema
) -> StoredKeypoints:
    """Return the points in the schema's order; missing names are unlabelled. `size` is (width, height) in pixels.

    Raises `Refused` for an unknown or repeated name, a labelled point outside the image, points that are shares of the
    image, and if none is labelled.
    """
    placed: dict[str, LabelledPoint] = {}
    names = {normalized(one): one for one in schema.names}
    for point in points:
        own = names.get(normalized(point.name).strip())
        if own is None:
            raise Refused(name, _describe_unknown(point.name, schema))
        if own in placed:
            raise Refused(name, f"Expected one keypoint '{own}', got two. Remove one of them.")
        placed[own] = _place(point, name, size)
    places = {(point.x, point.y) for point in placed.values() if point.visibility}
    if are_shares(number for place in places for number in place):
        detail = (
            "Expected keypoints in pixels, got only coordinates from 0 to 1, which are probably shares of the width and"
            " height. Multiply them by the size of the image."
        )
        raise Refused(name, detail)
    if not any(point.visibility for point in placed.values()):
        detail = (
            "Expected a keypoint with visibility 1 or 2, got none. Label one, or remove the file."
        )
        raise Refused(name, detail)
    return StoredKeypoints(points=tuple(placed.get(name, UNLABELLED) for name in schema.names))


def _place(point: NamedPoint, file: str, size: tuple[int, int]) -> LabelledPoint:
    # COCO writes 0, 0 for such points, and tools write anything.
    if point.visibility == 0:
        return UNLABELLED
    width_px, height_px = size
    # Continuous coordinates: the right and bottom edges are inside.
    if not (0 <= point.x <= width_px and 0 <= point.y <= height_px):
        detail = (
            f"Expected keypoint '{point.name}' inside the upright image of {width_px} x {height_px} pixels, got"
            f" ({point.x:g}, {point.y:g}). Correct it, or set its visibility to 0."
        )
        raise Refused(file, detail)
    return LabelledPoint(x=point.x, y=point.y, visibility=point.visibility)


def _describe_unknown(name: str, schema: KeypointSchema) -> str:
    names = ", ".join(schema.names[:_MAX_SHOWN_NAMES])
    more = ", ..." if len(schema.names) > _MAX_SHOWN_NAMES else ""
    return (
        f"Expected one of the schema's keypoints {names}{more}, got '{name[:64]}'."
        " Correct the name, or add it to labelset.json."
    )
