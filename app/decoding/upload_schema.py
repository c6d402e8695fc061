"""Reads an upload's label schema: labelset.json or the form field, completed by the names of a COCO file."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from app.conversions import read_exactly
from app.decoding.coco.classes import check_labels_something, derive_schema
from app.decoding.coco.file import CocoFile
from app.decoding.parts import SCHEMA, SchemaSource, SortedFiles
from app.decoding.protocol import DecodeJob, UploadSchema
from app.decoding.refusal import Notices, Refused, reason
from app.decoding.texts import check_unique_fields, read_text
from app.messages import describe, place_of
from contracts.base import Model
from contracts.schemas import TaskName

_OLD_SPELLINGS = {"colours": "colors", "ignore_colour": "ignore_color"}
"""Fields of version 0.1, which are still read."""


def source_of_schema(job: DecodeJob, files: SortedFiles) -> SchemaSource:
    """Return where the schema was sent: the form field, labelset.json, or else the COCO file."""
    if job.schema_text is not None:
        return SchemaSource(pointer="/schema")
    if files.schema is not None or files.coco is None:
        return SchemaSource(file=SCHEMA)
    return SchemaSource(file=files.coco.name)


def read_schema(
    job: DecodeJob,
    files: SortedFiles,
    coco: CocoFile | None,
    notices: Notices,
    models: Mapping[TaskName, type[Model]],
) -> UploadSchema:
    """Return the schema. A COCO file adds what labelset.json omits. Raises `Refused` if it is missing or invalid.

    `models` are those of the tasks for which `LabelSchema` has no fields.
    """
    source = source_of_schema(job, files)
    if job.schema_text is None and files.schema is None and coco is None:
        detail = (
            'Expected a schema, got none. Add labelset.json, or the form field "schema", such as'
            ' {"name": "faces", "classes": ["background", "skin"], "ignore_index": 255}.'
        )
        raise Refused(None, detail)
    declared = _parse(_schema_text(job, files), source)
    _check_spelling(declared, source)
    derived: Mapping[str, Any] = {}
    if coco is not None and files.coco is not None:
        derived = derive_schema(coco, files.coco.name, notices, own_classes="classes" in declared)
        # The COCO file is the cause, so the refusal must name it and not the schema.
        if not {"classes", "keypoints", "depth", *models} & {*derived, *declared}:
            check_labels_something(coco, files.coco.name)
        if "classes" in declared and not files.labels("segmentation") and not coco.has_regions:
            check_labels_something(coco, files.coco.name)
    _check_names(declared, models, source)
    part = ""
    try:
        upload = read_exactly(TypeAdapter(UploadSchema), {**derived, **declared})
        for part in upload.parts:
            read_exactly(TypeAdapter(models[part]), upload.parts[part])
    except ValidationError as error:
        first = error.errors()[0]
        places = (*([part] if part else []), *place_of(first))
        where = ".".join(str(place) for place in places)
        # The invalid field may come from the COCO file instead of labelset.json.
        remedy = "Correct the schema."
        if where and where.partition(".")[0] in derived.keys() - declared.keys() and files.coco:
            source = SchemaSource(file=files.coco.name)
            remedy = "Correct the categories, whose names it has."
        prefix = f"{where}: " if where else ""
        detail = f"{prefix}{describe(first)} {remedy}"
        raise Refused(source.file, detail, pointer=source.pointer) from error
    return upload


def _parse(text: str | None, source: SchemaSource) -> Mapping[str, Any]:
    """Return the JSON object in a text; an empty one without a text."""
    if text is None:
        return {}
    try:
        parsed = from_json(text)
    except ValueError as error:
        detail = f"The schema is not valid JSON ({reason(error)}). Correct it."
        raise Refused(source.file, detail, pointer=source.pointer) from error
    if not isinstance(parsed, dict):
        kind = {list: "an array", str: "text", bool: "true or false", type(None): "null"}
        detail = f"Expected one JSON object, got {kind.get(type(parsed), 'a number')}. Correct the schema."
        raise Refused(source.file, detail, pointer=source.pointer)
    try:
        check_unique_fields(text)
    except ValueError as error:
        raise Refused(source.file, str(error), pointer=source.pointer) from error
    return parsed


def _check_names(
    declared: Mapping[str, Any], models: Mapping[TaskName, type[Model]], source: SchemaSource
) -> None:
    """Raise `Refused` for a field that neither the schema nor a task has."""
    unknown = next(
        iter(declared.keys() - {*UploadSchema.model_fields, *_OLD_SPELLINGS, *models}), None
    )
    if unknown is not None:
        detail = f"{unknown[:64]}: {describe({'type': 'extra_forbidden'})} Correct the schema."
        raise Refused(source.file, detail, pointer=source.pointer)


def _check_spelling(declared: Mapping[str, Any], source: SchemaSource) -> None:
    for old, new in _OLD_SPELLINGS.items():
        if old in declared and new in declared:
            detail = f"Expected only one of '{new}' and its old spelling '{old}', got both. Remove '{old}'."
            raise Refused(source.file, detail, pointer=source.pointer)


def _schema_text(job: DecodeJob, files: SortedFiles) -> str | None:
    """Return the schema's text without a byte order mark, or None if none was sent."""
    if job.schema_text is not None:
        return job.schema_text.removeprefix("\ufeff")
    if files.schema is None:
        return None
    return read_text(
        files.schema, SCHEMA, job.limits.max_json_bytes, "Remove everything but the schema."
    )
