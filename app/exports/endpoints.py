"""`/v1/batches/{id}/export`: a batch or a labeling as a zip in the format of another tool, made on request."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import RedirectResponse

from app.exports.schemas import ExportView, show_export
from app.exports.service import wait_for_export
from app.http.requests import LinksDep, ServicesDep
from app.jobs.routing import ref_of
from app.on_demand import MAX_WAIT_SECONDS
from contracts.exports import ExportFormat, ExportRecord, ExportRef
from contracts.jobs import JobRef
from contracts.kinds import BATCH, LABELING, Kind

router = APIRouter(prefix="/v1")

FormatQuery = Annotated[
    ExportFormat, Query(alias="format", description="The format of the archive")
]
InstancesQuery = Annotated[
    bool,
    Query(
        description="Write one object for each connected region instead of one for each class and image. For coco;"
        " yolo-seg always does"
    ),
]
WaitQuery = Annotated[
    int,
    Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait while the archive is made"),
]


def _export_of(kind: Kind) -> Callable[..., Awaitable[ExportRef]]:
    """Return the dependency for an export of one job of a kind."""

    async def reference(
        owner: Annotated[JobRef, Depends(ref_of(kind))],
        export_format: FormatQuery,
        *,
        instances: InstancesQuery = False,
    ) -> ExportRef:
        return ExportRef(batch=owner, format=export_format, instances=instances)

    return reference


def _add_routes(kind: Kind, read_name: str, record_name: str) -> None:
    """Add the two routes for the exports of one kind: `read_name` and `record_name` are the operations' names."""
    reference = _export_of(kind)

    async def find(
        ref: Annotated[ExportRef, Depends(reference)],
        services: ServicesDep,
        wait: WaitQuery = MAX_WAIT_SECONDS,
    ) -> ExportRecord:
        """Return the record of the requested export, once it is made."""
        return await wait_for_export(services, ref, wait)

    @router.get(
        f"/{kind.noun}/{{{kind.name}_id}}/export",
        name=read_name,
        tags=[kind.noun],
        status_code=HTTPStatus.TEMPORARY_REDIRECT,
        response_class=RedirectResponse,
    )
    async def read_export(
        record: Annotated[ExportRecord, Depends(find)], links: LinksDep
    ) -> RedirectResponse:
        """Redirect (307) to the signed link of the archive. A missing archive is made.

        The answer is 503 when `wait` is not enough.
        """
        headers = {"Cache-Control": "no-store"}  # the link expires
        return RedirectResponse(links.file(record.archive).url, headers=headers)

    @router.get(
        f"/{kind.noun}/{{{kind.name}_id}}/export/record", name=record_name, tags=[kind.noun]
    )
    async def get_export_record(
        ref: Annotated[ExportRef, Depends(reference)],
        record: Annotated[ExportRecord, Depends(find)],
        links: LinksDep,
    ) -> ExportView:
        """Return size, digest and signed link of the archive, so that a client can verify it.

        Makes a missing archive.
        """
        return show_export(ref, record, links)


_add_routes(BATCH, "read_export", "get_export_record")
_add_routes(LABELING, "read_labeling_export", "get_labeling_archive")
