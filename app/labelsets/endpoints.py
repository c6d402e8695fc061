"""`/v1/labelsets`: upload labelled images, list them, delete them."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

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
from app.http.validation import ValidateOnly
from app.labelsets import service
from app.labelsets.form_schema import FORM_BODY
from app.labelsets.schemas import (
    LabelsetCheck,
    LabelsetSummary,
    LabelsetView,
    show_check,
    show_labelset,
    show_summary,
)
from app.labelsets.storing import Upload
from app.labelsets.uploading import as_upload, received
from contracts.ids import LabelsetId

router = APIRouter(prefix="/v1/labelsets", tags=["labelsets"])


async def _upload(
    request: Request, services: ServicesDep, tenant: TenantDep
) -> AsyncIterator[tuple[Upload, Path]]:
    """Yield the upload and the folder of its files, which is removed after the response."""
    async with received(request, services, tenant) as (form, folder):
        yield as_upload(form), folder


UploadDep = Annotated[tuple[Upload, Path], Depends(_upload)]


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
    validate_only: ValidateOnly = False,
) -> LabelsetView | Response:
    """Decode and check every file, then store all of them or none."""
    services, tenant = exchange.services, exchange.tenant
    files, folder = upload
    labelset = await run_in_threadpool(
        service.create,
        services,
        tenant,
        files,
        idempotency_key,
        folder=folder,
        validate_only=validate_only,
    )
    if validate_only:
        check = show_check(labelset.value)
        return Response(check.model_dump_json(), media_type="application/json")
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
