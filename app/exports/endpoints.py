"""`/v1/batches/{id}/export`: a batch as a zip in the format of another tool, made on the first request."""

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
    format: Annotated[ExportFormat, Query(description="The format of the archive")],  # noqa: A002 - the name in the query
    *,
    instances: Annotated[
        bool,
        Query(
            description="Write one object for each connected region instead of one for each class and image. For coco;"
            " yolo-seg always does"
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
        Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait while the archive is made"),
    ] = MAX_WAIT_SECONDS,
) -> ExportRecord:
    """Return the record of the requested export, once it is made."""
    return await wait_for_export(services, ref, wait)


RecordDep = Annotated[ExportRecord, Depends(_record)]


@router.get(
    "/{batch_id}/export",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def read_export(record: RecordDep, links: LinksDep) -> RedirectResponse:
    """Redirect (307) to the signed link of the archive. A missing archive is made; 503 when `wait` is not enough."""
    headers = {"Cache-Control": "no-store"}  # the link expires
    return RedirectResponse(links.file(record.archive).url, headers=headers)


@router.get("/{batch_id}/export/record")
async def get_export_record(ref: RefDep, record: RecordDep, links: LinksDep) -> ExportView:
    """Return size, digest and signed link of the archive, so that a client can verify it. Makes a missing archive."""
    return show_export(ref, record, links)
