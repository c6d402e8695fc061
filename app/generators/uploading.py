"""Reads the body of `POST /v1/generators`, which comes as JSON or as a form with the checkpoint itself.

FastAPI gives one operation one kind of body, so the choice by `Content-Type` is made here.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from app.generators.schemas import GeneratorCreate, GeneratorForm
from app.generators.service import CheckpointFile
from app.http.json_bodies import read_json
from app.http.requests import ServicesDep
from app.messages import printable
from contracts.base import Model
from contracts.errors.tree import InvalidRequest, TooLarge

S = TypeVar("S", bound=Model)

Body = GeneratorCreate | CheckpointFile

_FORM = GeneratorForm.model_json_schema()

BODY_SCHEMAS: dict[str, Any] = {
    "GeneratorCreate": GeneratorCreate.model_json_schema(),
    "GeneratorForm": {
        **_FORM,
        "required": ["file", *_FORM["required"]],
        "properties": {"file": {"type": "string", "format": "binary"}, **_FORM["properties"]},
    },
}
"""The two bodies for the description of the API, by the names of their schemas."""

BODY_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/GeneratorCreate"}},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/GeneratorForm"}},
        },
    }
}
"""What the page of the API shows."""


async def _body(request: Request, services: ServicesDep) -> AsyncIterator[Body]:
    """The checked body. A form's file lies on disk until the answer is made."""
    media_type = request.headers.get("Content-Type", "nothing").partition(";")[0]
    if media_type == "application/json":
        text = await _read(request, services.settings.max_json_bytes)
        yield _checked(GeneratorCreate, read_json(text))
    elif media_type == "multipart/form-data":
        with services.uploads_in_flight.one():
            async with request.form(max_files=1, max_fields=4) as form:
                yield _as_checkpoint(form)
    else:
        raise InvalidRequest(
            f"A body of {media_type} came. Send a form with 'file' and 'name' (curl -F file=@face.pkl -F name=faces),"
            " or JSON with 'name' and 'upload', the id of an upload."
        )


def _as_checkpoint(form: FormData) -> CheckpointFile:
    fields = dict(form)
    file = fields.pop("file", None)
    if not isinstance(file, UploadFile):
        detail = "The checkpoint is missing. With curl: -F file=@NAME-OF-THE-FILE."
        raise InvalidRequest.at("/file", detail)
    repeated = [name for name in form if len(form.getlist(name)) > 1]
    if repeated:
        detail = f"Expected one '{printable(repeated[0][:40])}', found two. Send it once."
        raise InvalidRequest.at(f"/{printable(repeated[0][:40])}", detail)
    own = _checked(GeneratorForm, fields)
    return CheckpointFile(form=own, name=file.filename or "", content=file.file)


BodyDep = Annotated[Body, Depends(_body)]


async def _read(request: Request, most: int) -> bytes:
    """A body that belongs into memory."""
    text = b""
    async for chunk in request.stream():
        text += chunk
        if len(text) > most:
            raise TooLarge(f"The JSON has more than {most} bytes.")
    return text


def _checked(shape: type[S], fields: object) -> S:
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(found, body=fields) from error
