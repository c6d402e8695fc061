"""`/v1/streams`: labelled samples without an end, each shard rendered when somebody is about to need it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, StreamingResponse

from app.batches.schemas import ShardView, show_shard
from app.http.json_bodies import JsonRoute
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
from app.on_demand import MAX_WAIT_SECONDS
from app.services import Services
from app.streams import service
from app.streams.schemas import StreamCreate, StreamView, show_stream
from app.streams.waiting import endless_tar, wait_for_shard
from contracts.batches import ShardRecord
from contracts.ids import StreamId
from contracts.streams import StreamRef, StreamRequest

router = APIRouter(route_class=JsonRoute, prefix="/v1/streams", tags=["streams"])


async def _ref(stream_id: StreamId, tenant: TenantDep) -> StreamRef:
    return StreamRef(tenant=tenant, id=stream_id)


RefDep = Annotated[StreamRef, Depends(_ref)]


async def _open(services: Services, ref: StreamRef, shard: int) -> StreamRequest:
    request = await run_in_threadpool(service.find, services, ref)
    service.check_shard(request, shard)
    return request


async def _record(
    *,
    stream_id: StreamId,
    shard: Annotated[int, Path(ge=0, description="Which shard, from 0: any, in any order")],
    wait: Annotated[
        int,
        Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a shard that is absent"),
    ] = MAX_WAIT_SECONDS,
    services: ServicesDep,
    tenant: TenantDep,
) -> ShardRecord:
    """The record of the shard that is asked for, once it has been rendered."""
    request = await _open(services, StreamRef(tenant=tenant, id=stream_id), shard)
    return await wait_for_shard(services, request, shard, wait)


RecordDep = Annotated[ShardRecord, Depends(_record)]


@router.post("", status_code=HTTPStatus.CREATED)
def create_stream(
    body: StreamCreate, exchange: ExchangeDep, idempotency_key: IdempotencyKey = None
) -> StreamView:
    """Checks everything and stores the request. Nothing is rendered until somebody reads."""
    made = service.create(exchange.services, exchange.tenant, body, idempotency_key)
    return created(exchange, show_stream(made.value, exchange.links), is_replay=made.is_replay)


@router.get("")
def list_streams(exchange: ExchangeDep, query: Annotated[PageQuery, Query()]) -> Page[StreamView]:
    """The streams, newest first."""
    found = service.list_page(
        exchange.services,
        exchange.tenant,
        limit=query.limit,
        after=query.after,
        show=lambda stream: show_stream(stream, exchange.links),
    )
    return paged(exchange, found)


@router.get("/{stream_id}")
def get_stream(ref: RefDep, services: ServicesDep, links: LinksDep) -> StreamView:
    """One stream: what its samples are decided by."""
    return show_stream(service.find(services, ref), links)


@router.delete("/{stream_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_stream(ref: RefDep, services: ServicesDep) -> None:
    """Erases a stream and its shards. One of the same fit and seed has the same samples."""
    service.delete(services, ref)


@router.get(
    "/{stream_id}/shards/{shard}",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def read_shard(record: RecordDep, links: LinksDep) -> RedirectResponse:
    """Any shard at any time: 307 to its signed link. An absent one is rendered at once; 503 when that takes longer."""
    headers = {"Cache-Control": "no-store"}  # the link ages, and the shard may be swept
    return RedirectResponse(links.file(record.tar).url, headers=headers)


@router.get("/{stream_id}/shards/{shard}/record")
async def get_shard_record(record: RecordDep, links: LinksDep) -> ShardView:
    """The same, but told: digest, size and link of the shard, so that a reader can verify what it fetches."""
    return show_shard(record, links)


@router.get("/{stream_id}/tar", response_class=StreamingResponse)
async def read_tar(
    *,
    ref: RefDep,
    services: ServicesDep,
    start: Annotated[int, Query(ge=0, description="The first shard")] = 0,
    shards: Annotated[
        int | None, Query(ge=1, description="How many shards; without it, there is no end")
    ] = None,
) -> StreamingResponse:
    """Shard after shard as one tar, rendered only as fast as it is read: for `curl | tar` and loaders that read a pipe.

    Only the first shard can be refused; what fails later breaks the connection off.
    """
    request = await _open(services, ref, start)
    first = await wait_for_shard(services, request, start, MAX_WAIT_SECONDS)
    stop = request.num_shards if shards is None else min(start + shards, request.num_shards)
    body = endless_tar(services, request, range(start, stop), first)
    return StreamingResponse(body, media_type="application/x-tar")
