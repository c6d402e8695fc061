"""`/v1/batches/{id}/export`: a batch as one zip in a format that other tools read, made when it is asked for."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import RedirectResponse

from app.exports.schemas import ExportView, show_export
from app.exports.service import wait_for_export
from app.http.requests import LinksDep, ServicesDep, TenantDep
from app.on_demand import MAX_WAIT_SECONDS
from contracts.exports import ExportFormat, ExportRecord, ExportRef
from contracts.ids import BatchId
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1/batches", tags=["batches"])


async def _ref(
    batch_id: BatchId,
    tenant: TenantDep,
    format: Annotated[ExportFormat, Query(description="What the archive is for")],  # noqa: A002 - its name in the address
    *,
    instances: Annotated[
        bool,
        Query(
            description="One object for each connected region instead of one for each class of an image (coco;"
            " yolo-seg always has them)"
        ),
    ] = False,
) -> ExportRef:
    batch = JobRef(tenant=tenant, id=batch_id)
    return ExportRef(batch=batch, format=format, instances=instances)


RefDep = Annotated[ExportRef, Depends(_ref)]


async def _record(
    ref: RefDep,
    services: ServicesDep,
    wait: Annotated[
        int,
        Query(
            ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for an archive that is absent"
        ),
    ] = MAX_WAIT_SECONDS,
) -> ExportRecord:
    """The record of the export that is asked for, once it has been made."""
    return await wait_for_export(services, ref, wait)


RecordDep = Annotated[ExportRecord, Depends(_record)]


@router.get(
    "/{batch_id}/export",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def read_export(record: RecordDep, links: LinksDep) -> RedirectResponse:
    """307 to the signed link of the archive. An absent one is made at once; 503 when that takes longer."""
    headers = {"Cache-Control": "no-store"}  # the link ages
    return RedirectResponse(links.file(record.archive).url, headers=headers)


@router.get("/{batch_id}/export/record")
async def get_export_record(ref: RefDep, record: RecordDep, links: LinksDep) -> ExportView:
    """The same, but told: digest, size and link of the archive, so that whoever fetches it can verify it."""
    return show_export(ref, record, links)
