"""Reads what an upload says of its labels: labelset.json, the form's text in its place, and a COCO file's own names."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from app.decoding.coco import CocoFile
from app.decoding.parts import SCHEMA, Sorted
from app.decoding.protocol import DecodeJob, UploadSchema
from app.decoding.refusal import Refused
from app.flaws import in_words


def read_schema(job: DecodeJob, found: Sorted, coco: CocoFile | None) -> UploadSchema:
    """The schema. What labelset.json does not say, a COCO file does. Raises `Refused` when neither says enough."""
    text = _schema_text(job, found)
    if text is None and coco is None:
        detail = (
            'The schema is missing. Add labelset.json, or the form field "schema", such as'
            ' {"name": "faces", "classes": ["background", "skin"], "ignore_index": 255}.'
        )
        raise Refused(SCHEMA, detail)
    said = {} if text is None else _parse(text)
    derived = {} if coco is None else coco.declared()
    try:
        return UploadSchema.model_validate({**derived, **said})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Refused(SCHEMA, f"{where}: {in_words(first)} Correct the schema.") from error


def _parse(text: str) -> Mapping[str, Any]:
    try:
        said = from_json(text)
    except ValueError as error:
        raise Refused(SCHEMA, f"This is not JSON ({error}). Correct the schema.") from error
    if not isinstance(said, dict):
        detail = (
            f"One JSON object was expected, but a {type(said).__name__} came. Correct the schema."
        )
        raise Refused(SCHEMA, detail)
    return said


def _schema_text(job: DecodeJob, found: Sorted) -> str | None:
    if job.schema_text is not None or found.schema is None:
        return job.schema_text
    if found.schema.stat().st_size > job.limits.max_json_bytes:
        detail = (
            f"It is larger than {job.limits.max_json_bytes} bytes. A schema is names and numbers."
        )
        raise Refused(SCHEMA, detail)
    try:
        return found.schema.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(SCHEMA, f"This is not UTF-8 text ({error}). Save it as UTF-8.") from error
