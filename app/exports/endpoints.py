"""`/v1/batches/{id}/export`: a batch as one zip in a format that other tools read, made when it is asked for."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse

from app.exports.schemas import ExportView, show_export
from app.exports.waiting import MAX_WAIT_SECONDS, wait_for_export
from app.requests import LinksDep, ServicesDep, TenantDep
from contracts.exports import ExportFormat, ExportRef
from contracts.ids import BatchId
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1/batches", tags=["batches"])

Format = Annotated[ExportFormat, Query(description="What the archive is for")]
Wait = Annotated[
    int,
    Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for an archive that is absent"),
]


@router.get(
    "/{batch_id}/export",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def read_export(
    *,
    batch_id: BatchId,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    format: Format,  # noqa: A002 - the parameter's name in the address
    wait: Wait = MAX_WAIT_SECONDS,
) -> RedirectResponse:
    """307 to the signed link of the archive. An absent one is made at once; 503 when that takes longer."""
    ref = ExportRef(batch=JobRef(tenant=tenant, id=batch_id), format=format)
    record = await wait_for_export(services, ref, wait)
    headers = {"Cache-Control": "no-store"}  # the link ages
    return RedirectResponse(links.file(record.archive).url, headers=headers)


@router.get("/{batch_id}/export/record")
async def get_export_record(
    *,
    batch_id: BatchId,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    format: Format,  # noqa: A002 - the parameter's name in the address
    wait: Wait = MAX_WAIT_SECONDS,
) -> ExportView:
    """The same, but told: digest, size and link of the archive, so that whoever fetches it can verify it."""
    ref = ExportRef(batch=JobRef(tenant=tenant, id=batch_id), format=format)
    return show_export(ref, await wait_for_export(services, ref, wait), links)
