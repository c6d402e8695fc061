"""`/v1/uploads`: announce a large file, send it to the returned link, then create a resource from its id."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.http.json_bodies import JsonRoute
from app.http.links import check_upload_link
from app.http.requests import ExchangeDep, IdempotencyKey, LinksDep, ServicesDep, TenantDep, created
from app.http.validation import ValidateOnly, validation
from app.uploads import service
from app.uploads.schemas import UploadCreate, UploadView, show_upload
from contracts.ids import UploadId

router = APIRouter(route_class=JsonRoute, prefix="/v1/uploads", tags=["uploads"])
contents = APIRouter(prefix="/v1/uploads", tags=["uploads"])
"""A separate router, because its bodies may be as large as a checkpoint."""


@router.post("", status_code=HTTPStatus.CREATED, response_model=UploadView)
def create_upload(
    *,
    body: UploadCreate,
    exchange: ExchangeDep,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> UploadView | Response:
    """Announce a file by size and SHA-256; the response has a link to send it to by PUT."""
    announced = service.announce(
        exchange.services,
        exchange.tenant,
        body.num_bytes,
        body.sha256,
        key=idempotency_key,
        validate_only=validate_only,
    )
    if validate_only:
        return validation(body)
    view = show_upload(announced.value, exchange.links)
    return created(exchange, view, is_replay=announced.is_replay)


@router.get("/{upload_id}")
def get_upload(
    upload_id: UploadId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> UploadView:
    """Return how many bytes have been received, and a new link to send the file to."""
    return show_upload(service.find(services, tenant, upload_id), links)


@router.delete("/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_upload(upload_id: UploadId, services: ServicesDep, tenant: TenantDep) -> None:
    """Delete an upload that is no longer needed."""
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
    """Receive the file by a link that the app signed, if the store itself cannot sign."""
    tenant = check_upload_link(services.secret, upload_id, expires, signature)
    services.tenants.check(tenant)
    upload = await run_in_threadpool(service.find, services, tenant, upload_id)
    with services.uploads_in_flight.one():
        await service.receive(services, upload, request.stream())
