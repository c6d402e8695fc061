"""`/v1/streams`: labelled samples without an end, each shard rendered when somebody is about to need it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, StreamingResponse

from app.batches.schemas import ShardView, show_shard
from app.paging import Page
from app.requests import (
    IdempotencyKey,
    LinksDep,
    PageQuery,
    ServicesDep,
    TenantDep,
    link_next,
)
from app.services import Services
from app.streams import service
from app.streams.schemas import StreamCreate, StreamView, show_stream
from app.streams.waiting import MAX_WAIT_SECONDS, endless_tar, wait_for_shard
from contracts.batches import ShardRecord
from contracts.ids import StreamId
from contracts.streams import StreamRef, StreamRequest

router = APIRouter(prefix="/v1/streams", tags=["streams"])

ShardIndex = Annotated[int, Path(ge=0, description="Which shard, from 0: any, in any order")]
Wait = Annotated[
    int, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a shard that is absent")
]


@router.post("", status_code=HTTPStatus.CREATED)
def create_stream(
    *,
    body: StreamCreate,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    idempotency_key: IdempotencyKey = None,
) -> StreamView:
    """Checks everything and stores the request. Nothing is rendered until somebody reads."""
    made = service.create(services, tenant, body, idempotency_key)
    view = show_stream(made.value, links)
    response.headers["Location"] = view.links["self"]
    if made.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return view


@router.get("")
def list_streams(
    *,
    request: Request,
    response: Response,
    query: Annotated[PageQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[StreamView]:
    """The streams, newest first."""
    found = service.list_page(services, tenant, limit=query.limit, after=query.after)
    items = tuple(show_stream(item, links) for item in found.items)
    page = Page[StreamView](items=items, has_more=found.has_more, next_cursor=found.next_cursor)
    return link_next(request, response, page)


@router.get("/{stream_id}")
def get_stream(
    stream_id: StreamId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> StreamView:
    """One stream: what its samples are decided by."""
    return show_stream(service.find(services, StreamRef(tenant=tenant, id=stream_id)), links)


@router.delete("/{stream_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_stream(stream_id: StreamId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a stream and its shards. One of the same fit and seed has the same samples."""
    service.delete(services, StreamRef(tenant=tenant, id=stream_id))


@router.get(
    "/{stream_id}/shards/{shard}",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def read_shard(
    *,
    stream_id: StreamId,
    shard: ShardIndex,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait: Wait = MAX_WAIT_SECONDS,
) -> RedirectResponse:
    """Any shard at any time: 307 to its signed link. An absent one is rendered at once; 503 when that takes longer."""
    request = await _open(services, StreamRef(tenant=tenant, id=stream_id), shard)
    record = await wait_for_shard(services, request, shard, wait)
    headers = {"Cache-Control": "no-store"}  # the link ages, and the shard may be swept
    return RedirectResponse(links.file(record.tar).url, headers=headers)


@router.get("/{stream_id}/shards/{shard}/record")
async def get_shard_record(
    *,
    stream_id: StreamId,
    shard: ShardIndex,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait: Wait = MAX_WAIT_SECONDS,
) -> ShardView:
    """The same, but told: digest, size and link of the shard, so that a reader can verify what it fetches."""
    request = await _open(services, StreamRef(tenant=tenant, id=stream_id), shard)
    return show_shard(await wait_for_shard(services, request, shard, wait), links)


@router.get("/{stream_id}/tar", response_class=StreamingResponse)
async def read_tar(
    *,
    stream_id: StreamId,
    services: ServicesDep,
    tenant: TenantDep,
    start: Annotated[int, Query(ge=0, description="The first shard")] = 0,
    shards: Annotated[
        int | None, Query(ge=1, description="How many shards; without it, there is no end")
    ] = None,
) -> StreamingResponse:
    """Shard after shard as one tar, rendered only as fast as it is read: for `curl | tar` and loaders that read a pipe.

    Only the first shard can be refused; what fails later breaks the connection off.
    """
    request = await _open(services, StreamRef(tenant=tenant, id=stream_id), start)
    first: ShardRecord = await wait_for_shard(services, request, start, MAX_WAIT_SECONDS)
    stop = request.num_shards if shards is None else min(start + shards, request.num_shards)
    body = endless_tar(services, request, range(start, stop), first)
    return StreamingResponse(body, media_type="application/x-tar")


async def _open(services: Services, ref: StreamRef, shard: int) -> StreamRequest:
    request = await run_in_threadpool(service.find, services, ref)
    service.check_shard(request, shard)
    return request
