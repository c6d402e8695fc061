"""`/v1/streams`: endless labelled samples in shards, rendered shortly before a reader needs them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
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
from app.http.validation import ValidateOnly, validation
from app.on_demand import MAX_WAIT_SECONDS
from app.services import Services
from app.streams import distribution, reports, service
from app.streams.schemas import (
    Distribution,
    LossReport,
    SteeringView,
    StreamCreate,
    StreamView,
    show_steering,
    show_stream,
)
from app.streams.waiting import endless_tar, wait_for_shard
from contracts.batches import ShardRecord
from contracts.ids import StreamId
from contracts.streams import StreamRef, StreamRequest

router = APIRouter(route_class=JsonRoute, prefix="/v1/streams", tags=["streams"])


async def _ref(stream_id: StreamId, tenant: TenantDep) -> StreamRef:
    return StreamRef(tenant=tenant, id=stream_id)


RefDep = Annotated[StreamRef, Depends(_ref)]


async def _find(services: Services, ref: StreamRef, shard: int) -> StreamRequest:
    request = await run_in_threadpool(service.find, services, ref)
    service.check_shard(request, shard)
    return request


async def _record(
    *,
    stream_id: StreamId,
    shard: Annotated[int, Path(ge=0, description="The index of the shard, from 0, in any order")],
    wait: Annotated[
        int,
        Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait while the shard is rendered"),
    ] = MAX_WAIT_SECONDS,
    services: ServicesDep,
    tenant: TenantDep,
) -> ShardRecord:
    """Return the record of the requested shard, once it is rendered."""
    request = await _find(services, StreamRef(tenant=tenant, id=stream_id), shard)
    return await wait_for_shard(services, request, shard, wait)


RecordDep = Annotated[ShardRecord, Depends(_record)]


@router.post("", status_code=HTTPStatus.CREATED, response_model=StreamView)
def create_stream(
    *,
    body: StreamCreate,
    exchange: ExchangeDep,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> StreamView | Response:
    """Create a stream. Shards are rendered when they are read, so nothing is queued yet."""
    stream = service.create(
        exchange.services, exchange.tenant, body, idempotency_key, validate_only=validate_only
    )
    view = show_stream(stream.value, exchange.links)
    return (
        validation(view) if validate_only else created(exchange, view, is_replay=stream.is_replay)
    )


@router.get("")
def list_streams(exchange: ExchangeDep, query: Annotated[PageQuery, Query()]) -> Page[StreamView]:
    """List the streams, newest first."""
    page = service.list_page(
        exchange.services,
        exchange.tenant,
        limit=query.limit,
        after=query.after,
        show=lambda stream: show_stream(stream, exchange.links),
    )
    return paged(exchange, page)


@router.get("/{stream_id}")
def get_stream(ref: RefDep, services: ServicesDep, links: LinksDep) -> StreamView:
    """Return one stream: the settings that decide its samples."""
    return show_stream(service.find(services, ref), links)


@router.delete("/{stream_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_stream(ref: RefDep, services: ServicesDep) -> None:
    """Delete a stream and its shards. Another stream with the same fit and settings has the same samples."""
    service.delete(services, ref)


@router.post("/{stream_id}/reports", status_code=HTTPStatus.CREATED)
def create_report(
    ref: RefDep, body: LossReport, exchange: ExchangeDep, idempotency_key: IdempotencyKey = None
) -> SteeringView:
    """Report the mean loss of classes since the last report. Shards that are rendered later show more of weak classes.

    A shard that was rendered before, and the others of its segment, do not change.
    """
    version = reports.report(exchange.services, ref, body, idempotency_key)
    view = show_steering(ref, version.value, exchange.links)
    return created(exchange, view, is_replay=version.is_replay)


@router.get("/{stream_id}/steering")
def get_steering(ref: RefDep, services: ServicesDep, links: LinksDep) -> SteeringView:
    """Return the steering state of a stream: the smoothed losses of the reports, and the weights of weak classes."""
    return show_steering(ref, reports.latest(services, ref), links)


@router.get("/{stream_id}/distribution")
def get_distribution(ref: RefDep, services: ServicesDep) -> Distribution:
    """Return how far the classes in the newest rendered shards have moved from plain samples of the fit."""
    return distribution.measure(services, ref)


@router.get(
    "/{stream_id}/shards/{shard}",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def read_shard(record: RecordDep, links: LinksDep) -> RedirectResponse:
    """Redirect (307) to the signed link of a shard. A missing shard is rendered; 503 when `wait` is not enough."""
    headers = {"Cache-Control": "no-store"}  # the link expires, and the shard may be swept
    return RedirectResponse(links.file(record.tar).url, headers=headers)


@router.get("/{stream_id}/shards/{shard}/record")
async def get_shard_record(record: RecordDep, links: LinksDep) -> ShardView:
    """Return size, digest and signed link of a shard, so that a reader can verify it. Renders a missing shard."""
    return show_shard(record, links)


@router.get("/{stream_id}/tar", response_class=StreamingResponse)
async def read_tar(
    *,
    ref: RefDep,
    services: ServicesDep,
    start: Annotated[int, Query(ge=0, description="The index of the first shard")] = 0,
    shards: Annotated[
        int | None, Query(ge=1, description="The number of shards; endless without it")
    ] = None,
) -> StreamingResponse:
    """Return the shards as one tar, for `curl | tar` and loaders that read a pipe. Shards are rendered as it is read.

    Only an error of the first shard has a status code. A later error closes the connection.
    """
    request = await _find(services, ref, start)
    first = await wait_for_shard(services, request, start, MAX_WAIT_SECONDS)
    stop = request.num_shards if shards is None else min(start + shards, request.num_shards)
    body = endless_tar(services, request, range(start, stop), first)
    return StreamingResponse(body, media_type="application/x-tar")
