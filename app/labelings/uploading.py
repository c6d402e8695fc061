"""Reads the body of `POST /v1/labelings`: JSON with the id of an upload, or a form with an archive or with images."""

import shutil
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from app.decoding.protocol import SpooledFile
from app.http.json_bodies import read_body, validated, validated_json
from app.http.requests import ServicesDep, TenantDep
from app.labelings.schemas import LabelingCreate, LabelingForm
from app.labelsets.forms import Fields, Form, FormLimits
from app.labelsets.uploading import received_form
from app.messages import printable
from app.services import Services
from contracts.errors.tree import Flaw, InvalidRequest, InvalidUpload

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_NAME_BYTES = 200
MAX_FLAWS = 20

FIELDS: Fields = {
    "archive": "file",
    "images": "files",
    **dict.fromkeys(LabelingForm.model_fields, "text"),
}


@dataclass(frozen=True)
class ImagesFile:
    """An archive of images on disk in the same request as its form."""

    form: LabelingForm
    path: Path


Body = LabelingCreate | ImagesFile

_REF = "#/components/schemas/{model}"
_FORM = LabelingForm.model_json_schema(ref_template=_REF)
_FILE = {"type": "string", "format": "binary"}

BODY_SCHEMAS: dict[str, Any] = {
    "LabelingCreate": LabelingCreate.model_json_schema(ref_template=_REF),
    "LabelingForm": {
        **_FORM,
        "properties": {
            "archive": dict(_FILE),
            "images": {"type": "array", "items": dict(_FILE)},
            **_FORM["properties"],
        },
    },
}
"""The schemas of the two bodies in the OpenAPI document, by name."""

BODY_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/LabelingCreate"}},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/LabelingForm"}},
        },
    }
}
"""The request body in the OpenAPI document."""


async def _body(request: Request, services: ServicesDep, tenant: TenantDep) -> AsyncIterator[Body]:
    """Yield the validated body. The files of a form are on disk until the answer is sent."""
    settings = services.settings
    media_type = request.headers.get("Content-Type", "nothing").partition(";")[0]
    if media_type == "application/json":
        text = await read_body(request, settings.max_json_bytes)
        yield validated_json(LabelingCreate, text)
    elif media_type == "multipart/form-data":
        async with received(request, services, tenant) as (form, folder):
            yield await run_in_threadpool(as_images, form, form.texts, folder)
    else:
        raise InvalidRequest(
            f"Expected a form or JSON, got a body of {printable(media_type[:80])}. Send a form with 'fit' and 'archive'"
            " or 'images' (curl -F fit=FIT -F archive=@photos.zip), or JSON with 'fit' and 'upload'."
        )


BodyDep = Annotated[Body, Depends(_body)]


@asynccontextmanager
async def received(
    request: Request, services: Services, tenant: str, fields: Fields = FIELDS
) -> AsyncIterator[tuple[Form, Path]]:
    """Yield the form of a labeling, as `received_form`."""
    settings = services.settings
    limits = FormLimits(settings.max_labeling_images, settings.max_json_bytes)
    async with received_form(request, services, tenant, limits, fields) as form_in_folder:
        yield form_in_folder


def as_images(form: Form, fields: Mapping[str, object], folder: Path) -> ImagesFile:
    """Return the checked fields and the archive of images. Raises `RequestValidationError` or `InvalidUpload`."""
    return ImagesFile(validated(LabelingForm, fields), _archive(form, folder))


def _archive(form: Form, folder: Path) -> Path:
    """Return the path of the archive, which is packed if single images were sent. Raises `InvalidUpload`."""
    archives, images = form.files.get("archive", []), form.files.get("images", [])
    if bool(archives) == bool(images):
        raise InvalidUpload(
            "Expected one zip or tar in the form field 'archive', or files in 'images', and not both. With curl:"
            " -F archive=@photos.zip."
        )
    if archives:
        return archives[0].path
    names = [_base_name(image) for image in images]
    flaws = [
        Flaw(pointer="/images", file=printable(name[:MAX_NAME_BYTES]), detail=detail)
        for name, detail in _flaws(names)
    ]
    if flaws:
        raise InvalidUpload("The images cannot be used; see 'errors'.", flaws=flaws[:MAX_FLAWS])
    path = folder / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # images are compressed
        for name, image in zip(names, images, strict=True):
            # without a time, so that the same images give the same bytes
            with image.path.open("rb") as source, archive.open(zipfile.ZipInfo(name), "w") as entry:
                shutil.copyfileobj(source, entry)
            image.path.unlink()  # its space may be needed
    return path


def _base_name(image: SpooledFile) -> str:
    """Return the name without folders: browsers of directories send paths."""
    return PurePosixPath(image.name.replace("\\", "/")).name


def _flaws(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the names that an archive of images cannot have, each with the reason."""
    counts = Counter(names)
    flaws = []
    for name, count in counts.items():
        if PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES or name.startswith("."):
            expected = ", ".join(IMAGE_SUFFIXES)
            flaws.append((name, f"Expected a file name that ends in {expected}. Rename the file."))
        elif len(name.encode(errors="replace")) > MAX_NAME_BYTES:
            flaws.append((name, f"Expected a name of at most {MAX_NAME_BYTES} bytes. Rename it."))
        elif count > 1:
            detail = f"Expected different names, got this one {count} times. Send an archive with folders."
            flaws.append((name, detail))
    return flaws
