"""Reads the body of `POST /v1/fits`: JSON with the id of a labelset, or a form with its files and a part `fit`."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from app.fits.schemas import FitCreate, FitFields
from app.fits.service import FitOfFiles
from app.fits.sources import Sent
from app.http.json_bodies import read_body, validated_json
from app.http.requests import ServicesDep, TenantDep
from app.labelsets.form_schema import LABELSET_PARTS
from app.labelsets.forms import FIELDS as LABELSET_FIELDS
from app.labelsets.forms import Fields, Form
from app.labelsets.uploading import as_upload, received
from app.messages import quoted
from contracts.errors.tree import InvalidRequest

FIELDS: Fields = {**LABELSET_FIELDS, "fit": "text"}

_EXAMPLE = """-F 'fit={"generator": "portraits-64"}'"""

Body = FitCreate | FitOfFiles

_REF = "#/components/schemas/{model}"
_CREATE = FitCreate.model_json_schema(ref_template=_REF)
_FIELDS = FitFields.model_json_schema(ref_template=_REF)

BODY_SCHEMAS: dict[str, Any] = {
    **_CREATE.pop("$defs"),
    **_FIELDS.pop("$defs"),
    "FitCreate": _CREATE,
    "FitFields": _FIELDS,
}
"""The schemas of the bodies and of their parts in the OpenAPI document, by name."""

_FORM: dict[str, Any] = {
    "type": "object",
    "title": "FitForm",
    "additionalProperties": False,
    "required": ["fit"],
    "properties": {"fit": {"$ref": "#/components/schemas/FitFields"}, **LABELSET_PARTS},
}

BODY_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/FitCreate"}},
            "multipart/form-data": {
                "schema": _FORM,
                "encoding": {"fit": {"contentType": "application/json"}},
            },
        },
    }
}
"""The request body in the OpenAPI document."""


async def _body(request: Request, services: ServicesDep, tenant: TenantDep) -> AsyncIterator[Body]:
    """Yield the validated body. The files of a form are on disk until the answer is sent."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        text = await read_body(request, services.settings.max_json_bytes)
        yield validated_json(FitCreate, text)
    elif media_type == "multipart/form-data":
        async with received(request, services, tenant, FIELDS) as (form, folder):
            fields = await run_in_threadpool(_fields, form)
            yield FitOfFiles(fields, Sent(services, tenant, as_upload(form), folder))
    else:
        actual = f"a body of type {quoted(media_type)}" if media_type else "no Content-Type"
        detail = (
            f"Expected JSON or a form, got {actual}. Send JSON with 'generator' and 'labelset', or a form with 'fit'"
            f" and the files of a labelset. With curl: {_EXAMPLE} -F archive=@labels.zip."
        )
        raise InvalidRequest.at("/", detail)


def _fields(form: Form) -> FitFields:
    """Return the fit of a form. Raises as `validated_json`."""
    text = form.texts.get("fit")
    if text is None:
        detail = (
            "Expected the fields of the fit as JSON in 'fit', got none. With curl:"
            ' -F \'fit={"generator": "portraits-64"}\'.'
        )
        raise InvalidRequest.at("/fit", detail)
    try:
        return validated_json(FitFields, text.encode())
    except InvalidRequest as error:
        raise InvalidRequest.at("/fit", error.flaws[0].detail) from None


BodyDep = Annotated[Body, Depends(_body)]
