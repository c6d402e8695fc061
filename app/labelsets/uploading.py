"""Receives the files of a labelset by a form, and gives them the names that they would have in an archive."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from app.decoding.parts import COCO_NAMES
from app.decoding.protocol import SpooledFile
from app.labelsets.forms import FIELDS, Fields, Form, FormLimits, receive_form
from app.labelsets.storing import Upload
from app.services import Services
from app.uploads.receiving import receiving
from state.process.spooling import make_spool_folder


@asynccontextmanager
async def received(
    request: Request, services: Services, tenant: str, fields: Fields = FIELDS
) -> AsyncIterator[tuple[Form, Path]]:
    """Yield the form of a labelset, as `received_form`."""
    settings = services.settings
    # An image, a mask, keypoints and depth for each entry, and one COCO file.
    limits = FormLimits(4 * settings.max_labelset_images + 1, settings.max_json_bytes)
    async with received_form(request, services, tenant, limits, fields) as form_in_folder:
        yield form_in_folder


@asynccontextmanager
async def received_form(
    request: Request, services: Services, tenant: str, limits: FormLimits, fields: Fields
) -> AsyncIterator[tuple[Form, Path]]:
    """Yield a form and the folder of its files, which is removed at the end of the block."""
    # The slot is held until the response, because decoding uses the files.
    async with receiving(services, tenant, request):
        folder = await run_in_threadpool(make_spool_folder)
        try:
            yield await receive_form(request, folder, limits, fields), folder
        finally:
            await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


def as_upload(form: Form) -> Upload:
    """Return a form's files with the names that they would have in an archive."""
    files = [
        SpooledFile(name=f"{part}/{file.name}", path=file.path)
        for part in ("images", "masks", "keypoints", "depth")
        for file in form.files.get(part, ())
    ]
    annotations = form.files.get("annotations", ())
    files += [SpooledFile(name=COCO_NAMES[0], path=file.path) for file in annotations]
    archive = next((file.path for file in form.files.get("archive", ())), None)
    return Upload(archive, files, form.schema_text)
