"""`/v1/uploads`: announce a large file, send it to the link that is answered, then make something of its id."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from app.http.json_bodies import JsonRoute
from app.http.links import check_upload_link
from app.http.requests import ExchangeDep, IdempotencyKey, LinksDep, ServicesDep, TenantDep, created
from app.uploads import service
from app.uploads.schemas import UploadCreate, UploadView, show_upload
from contracts.ids import UploadId

router = APIRouter(route_class=JsonRoute, prefix="/v1/uploads", tags=["uploads"])
contents = APIRouter(prefix="/v1/uploads", tags=["uploads"])
"""Apart, because here the bodies may be as large as a checkpoint."""


@router.post("", status_code=HTTPStatus.CREATED)
def create_upload(
    body: UploadCreate, exchange: ExchangeDep, idempotency_key: IdempotencyKey = None
) -> UploadView:
    """Announces a file by size and SHA-256; the answer has a link to send it to by PUT."""
    made = service.announce(
        exchange.services, exchange.tenant, body.num_bytes, body.sha256, key=idempotency_key
    )
    return created(exchange, show_upload(made.value, exchange.links), is_replay=made.is_replay)


@router.get("/{upload_id}")
def get_upload(
    upload_id: UploadId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> UploadView:
    """How much of the file is there, and a fresh link to send it to."""
    return show_upload(service.find(services, tenant, upload_id), links)


@router.delete("/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_upload(upload_id: UploadId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases an upload that is not wanted any more."""
    service.delete(services, tenant, upload_id)


@contents.put("/{upload_id}/content", status_code=HTTPStatus.NO_CONTENT)
async def put_content(
    *,
    upload_id: UploadId,
    expires: Annotated[int, Query()],
    signature: Annotated[str, Query()],
    request: Request,
    services: ServicesDep,
) -> None:
    """Receive the file by a link that we signed, where the store itself cannot sign."""
    tenant = check_upload_link(services.secret, upload_id, expires, signature)
    upload = await run_in_threadpool(service.find, services, tenant, upload_id)
    with services.uploads_in_flight.one():
        await service.take_in(services, upload, request.stream())
