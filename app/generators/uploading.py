"""Reads the body of `POST /v1/generators`: JSON, or a form with the checkpoint.

An operation of FastAPI has one type of body, so this module chooses by `Content-Type`.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from app.generators.schemas import GeneratorCreate, GeneratorForm
from app.generators.service import CheckpointFile
from app.http.json_bodies import read_body, read_json, validated, validated_json
from app.http.requests import ServicesDep, TenantDep
from app.messages import printable
from app.uploads.receiving import receiving
from contracts.errors.tree import InvalidRequest

Body = GeneratorCreate | CheckpointFile

_REF = "#/components/schemas/{model}"
_FORM = GeneratorForm.model_json_schema(ref_template=_REF)
_CREATE = GeneratorCreate.model_json_schema(ref_template=_REF)

JSON_FIELDS = {"import_options": '{"px": 256}', "training": '{"px": 64, "hours": 2}'}
"""The fields of the form that are JSON, with an example."""

BODY_SCHEMAS: dict[str, Any] = {
    **_CREATE.pop("$defs"),
    **_FORM.pop("$defs"),
    "GeneratorCreate": _CREATE,
    "GeneratorForm": {
        **{name: value for name, value in _FORM.items() if name != "$defs"},
        "required": ["file", *_FORM["required"]],
        "properties": {"file": {"type": "string", "format": "binary"}, **_FORM["properties"]},
    },
}
"""The schemas of the two bodies and of their parts in the OpenAPI document, by name."""

BODY_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/GeneratorCreate"}},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/GeneratorForm"}},
        },
    }
}
"""The request body in the OpenAPI document."""


async def _body(request: Request, services: ServicesDep, tenant: TenantDep) -> AsyncIterator[Body]:
    """Yield the validated body. The file of a form is on disk until the answer is sent."""
    media_type = request.headers.get("Content-Type", "nothing").partition(";")[0]
    if media_type == "application/json":
        text = await read_body(request, services.settings.max_json_bytes)
        yield validated_json(GeneratorCreate, text)
    elif media_type == "multipart/form-data":
        async with (
            receiving(services, tenant, request),
            request.form(max_files=1, max_fields=5) as form,
        ):
            yield _as_checkpoint(form)
    else:
        raise InvalidRequest(
            f"Expected a form or JSON, got a body of {media_type}. Send a form with 'file' and 'name' (curl -F"
            " file=@face.pkl -F name=faces), or JSON with 'name' and 'upload', the id of an upload."
        )


def _as_checkpoint(form: FormData) -> CheckpointFile:
    fields: dict[str, object] = dict(form)
    file = fields.pop("file", None)
    if not isinstance(file, UploadFile):
        detail = "Expected a checkpoint in the field 'file', got none. With curl: -F file=@FILE."
        raise InvalidRequest.at("/file", detail)
    repeated = [name for name in form if len(form.getlist(name)) > 1]
    if repeated:
        detail = f"Expected one '{printable(repeated[0][:40])}', got several. Send it once."
        raise InvalidRequest.at(f"/{printable(repeated[0][:40])}", detail)
    for name, example in JSON_FIELDS.items():
        if isinstance(fields.get(name), str):  # a form has no objects
            fields[name] = _read_object(name, str(fields[name]), example)
    form_fields = validated(GeneratorForm, fields)
    return CheckpointFile(form=form_fields, name=file.filename or "", content=file.file)


def _read_object(name: str, text: str, example: str) -> object:
    """Return the JSON of a form's field. Raises `InvalidRequest`."""
    try:
        return read_json(text.encode())
    except InvalidRequest:
        detail = f"Expected {name} as JSON such as {example}, got other text."
        raise InvalidRequest.at(f"/{name}", detail) from None


BodyDep = Annotated[Body, Depends(_body)]
