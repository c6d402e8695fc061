"""`/v1/labelsets`: upload labelled images, list them, delete them."""

import shutil
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.decoding.parts import COCO_NAMES
from app.decoding.protocol import SpooledFile
from app.http.paging import Page
from app.http.requests import (
    ExchangeDep,
    IdempotencyKey,
    LinksDep,
    PageQuery,
    ServicesDep,
    TenantDep,
    created,
    paged,
)
from app.labelsets import service
from app.labelsets.form_schema import FORM_BODY
from app.labelsets.forms import Form, FormLimits, receive_form
from app.labelsets.schemas import (
    LabelsetCheck,
    LabelsetSummary,
    LabelsetView,
    show_check,
    show_labelset,
    show_summary,
)
from app.labelsets.service import Upload
from contracts.ids import LabelsetId
from state.process.spooling import make_spool_folder

router = APIRouter(prefix="/v1/labelsets", tags=["labelsets"])


async def _upload(request: Request, services: ServicesDep) -> AsyncIterator[tuple[Upload, Path]]:
    """Yield the upload and the folder of its files, which is removed after the response."""
    settings = services.settings
    # An image, a mask, keypoints and depth for each entry, and one COCO file.
    limits = FormLimits(4 * settings.max_labelset_images + 1, settings.max_json_bytes)
    # The slot is held until the response, because decoding uses the files.
    with services.uploads_in_flight.one():
        folder = await run_in_threadpool(make_spool_folder)
        try:
            form = await receive_form(request, folder, limits)
            yield _as_upload(form), folder
        finally:
            await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


UploadDep = Annotated[tuple[Upload, Path], Depends(_upload)]


def _as_upload(form: Form) -> Upload:
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


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=LabelsetView,
    responses={HTTPStatus.OK: {"model": LabelsetCheck, "description": "Checked, not stored"}},
    openapi_extra=FORM_BODY,
)
async def create_labelset(
    *,
    exchange: ExchangeDep,
    upload: UploadDep,
    idempotency_key: IdempotencyKey = None,
    validate_only: Annotated[bool, Query()] = False,
) -> LabelsetView | Response:
    """Decode and check every file, then store all of them or none."""
    services, tenant = exchange.services, exchange.tenant
    files, folder = upload
    if validate_only:
        checked = await run_in_threadpool(service.check, services, tenant, files, folder=folder)
        return Response(show_check(checked).model_dump_json(), media_type="application/json")
    labelset = await run_in_threadpool(
        service.create, services, tenant, files, idempotency_key, folder=folder
    )
    view = show_labelset(labelset.value, exchange.links)
    return created(exchange, view, is_replay=labelset.is_replay)


@router.get("")
def list_labelsets(
    exchange: ExchangeDep, query: Annotated[PageQuery, Query()]
) -> Page[LabelsetSummary]:
    """List the labelsets, newest first."""
    page = service.list_page(
        exchange.services,
        exchange.tenant,
        limit=query.limit,
        after=query.after,
        show=lambda labelset: show_summary(labelset, exchange.links),
    )
    return paged(exchange, page)


@router.get("/{labelset_id}")
def get_labelset(
    labelset_id: LabelsetId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> LabelsetView:
    """Return one labelset with its label schema, the counts of classes and keypoints, and its images."""
    return show_labelset(service.find(services, tenant, labelset_id), links)


@router.delete("/{labelset_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_labelset(labelset_id: LabelsetId, services: ServicesDep, tenant: TenantDep) -> None:
    """Delete a labelset. Fits made from it remain; a running fit of it fails."""
    service.delete(services, tenant, labelset_id)
