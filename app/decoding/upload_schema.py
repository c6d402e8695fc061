"""Reads what an upload says of its labels: labelset.json, the form's text in its place, and a COCO file's own names."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from app.decoding.coco.classes import check_labels_something, declared
from app.decoding.coco.files import CocoFile
from app.decoding.parts import SCHEMA, Place, Sorted
from app.decoding.protocol import DecodeJob, UploadSchema
from app.decoding.refusal import Notices, Refused, reason
from app.decoding.texts import read_text
from app.messages import describe, place_of


def place_of_schema(job: DecodeJob, found: Sorted) -> Place:
    """Where the schema was sent: the form's field, labelset.json, or else the COCO file, which stands in for it."""
    if job.schema_text is not None:
        return Place(pointer="/schema")
    if found.schema is not None or found.coco is None:
        return Place(file=SCHEMA)
    return Place(file=found.coco.name)


def read_schema(
    job: DecodeJob, found: Sorted, coco: CocoFile | None, notices: Notices
) -> UploadSchema:
    """The schema. What labelset.json does not say, a COCO file does. Raises `Refused` when neither says enough."""
    place = place_of_schema(job, found)
    if job.schema_text is None and found.schema is None and coco is None:
        detail = (
            'The schema is missing. Add labelset.json, or the form field "schema", such as'
            ' {"name": "faces", "classes": ["background", "skin"], "ignore_index": 255}.'
        )
        raise Refused(None, detail)
    said = _parse(_schema_text(job, found), place)
    derived: Mapping[str, Any] = {}
    if coco is not None and found.coco is not None:
        derived = declared(coco, found.coco.name, notices, own_classes="classes" in said)
        if not {"classes", "keypoints", "depth"} & {*derived, *said}:
            check_labels_something(coco, found.coco.name)
        if "classes" in said and not found.labels("segmentation") and not coco.has_regions:
            check_labels_something(coco, found.coco.name)
    try:
        return UploadSchema.model_validate({**derived, **said})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in place_of(first))
        if where and where.partition(".")[0] in derived.keys() - said.keys() and found.coco:
            place = Place(file=found.coco.name)
        prefix = f"{where}: " if where else ""
        detail = f"{prefix}{describe(first)} Correct the schema."
        raise Refused(place.file, detail, pointer=place.pointer) from error


def _parse(text: str | None, place: Place) -> Mapping[str, Any]:
    """The JSON object in a text; nothing for no text."""
    if text is None:
        return {}
    try:
        said = from_json(text)
    except ValueError as error:
        detail = f"This is not JSON ({reason(error)}). Correct the schema."
        raise Refused(place.file, detail, pointer=place.pointer) from error
    if not isinstance(said, dict):
        kind = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
        detail = (
            f"Expected one JSON object, got {kind.get(type(said), 'a number')}. Correct the schema."
        )
        raise Refused(place.file, detail, pointer=place.pointer)
    return said


def _schema_text(job: DecodeJob, found: Sorted) -> str | None:
    """The schema's text without a byte order mark."""
    if job.schema_text is not None:
        return job.schema_text.removeprefix("\ufeff")
    if found.schema is None:
        return None
    return read_text(
        found.schema, SCHEMA, job.limits.max_json_bytes, "A schema is names and numbers."
    )
