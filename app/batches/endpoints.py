"""`/v1/batches`: ask for n labelled samples, watch them being rendered, read their shards."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.batches import service
from app.batches.schemas import BatchCreate, BatchView, ShardList, show_batch, show_shards
from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import (
    ExchangeDep,
    IdempotencyKey,
    LinksDep,
    ServicesDep,
    TenantDep,
    WaitSeconds,
)
from app.jobs import service as jobs
from app.jobs.endpoints import (
    EventPage,
    EventQuery,
    EventStream,
    JobQuery,
    answer_cancel,
    answer_create,
    answer_get,
    answer_list,
    list_events,
    live_events,
)
from contracts.batches import BatchManifest
from contracts.ids import BatchId
from contracts.jobs import JobRef

router = APIRouter(route_class=JsonRoute, prefix="/v1/batches", tags=["batches"])


async def _ref(batch_id: BatchId, tenant: TenantDep) -> JobRef:
    return JobRef(tenant=tenant, id=batch_id)


RefDep = Annotated[JobRef, Depends(_ref)]


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create_batch(
    body: BatchCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> BatchView:
    """Checks everything, stores the request and queues its first shards. With `Prefer: wait=N`, waits for the end."""
    made = await run_in_threadpool(
        service.create, exchange.services, exchange.tenant, body, idempotency_key
    )
    return await answer_create(exchange, made, wait_seconds, show_batch)


@router.get("")
def list_batches(exchange: ExchangeDep, query: Annotated[JobQuery, Query()]) -> Page[BatchView]:
    """The batches, newest first."""
    return answer_list(exchange, "batch", query, show_batch)


@router.get("/{batch_id}", response_model=BatchView)
async def get_batch(
    ref: RefDep, exchange: ExchangeDep, wait_seconds: WaitSeconds
) -> BatchView | Response:
    """One batch as it stands. With `Prefer: wait=N`, as it stands at its end or after N seconds."""
    return await answer_get(exchange, ref, wait_seconds, show_batch)


@router.post("/{batch_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_batch(ref: RefDep, exchange: ExchangeDep) -> BatchView:
    """Asks the batch to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    return answer_cancel(exchange, ref, show_batch)


@router.delete("/{batch_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_batch(ref: RefDep, services: ServicesDep) -> None:
    """Erases a batch that has ended, and its shards with it."""
    jobs.delete(services, ref)


@router.get("/{batch_id}/shards")
def list_shards(ref: RefDep, services: ServicesDep, links: LinksDep) -> ShardList:
    """Every shard with its digest, its size and a link that anybody may read it by for a while; the dataset card."""
    return show_shards(ref.id, service.read_manifest(services, ref), links)


@router.get("/{batch_id}/manifest")
def get_batch_manifest(ref: RefDep, services: ServicesDep) -> BatchManifest:
    """The manifest as it is stored: every shard with its digest and what is in it."""
    return service.read_manifest(services, ref)


@router.get("/{batch_id}/events")
def list_batch_events(
    ref: RefDep, services: ServicesDep, query: Annotated[EventQuery, Query()]
) -> EventPage:
    """What happened to the batch, oldest first."""
    return list_events(services, ref, query)


@router.get("/{batch_id}/events/live", response_class=EventSourceResponse)
async def follow_batch(
    events: Annotated[EventStream, Depends(live_events(_ref))],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event
