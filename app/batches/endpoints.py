"""`/v1/batches`: ask for n labelled samples, watch them being rendered, read their shards."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.batches import service
from app.batches.schemas import BatchCreate, BatchView, ShardList, show_batch, show_shard
from app.jobs import service as jobs
from app.jobs.answers import accept, cancelled, conditional
from app.jobs.endpoints import (
    AfterEvent,
    EventPage,
    EventStream,
    JobQuery,
    LastEventId,
    open_stream,
    show_events,
)
from app.jobs.following import wait_for_end
from app.paging import Page
from app.requests import (
    IdempotencyKey,
    LinksDep,
    ServicesDep,
    TenantDep,
    WaitSeconds,
    link_next,
)
from contracts.batches import BatchManifest
from contracts.ids import BatchId
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1/batches", tags=["batches"])


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create_batch(
    *,
    body: BatchCreate,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> BatchView:
    """Checks everything, stores the request and queues its first shards. With `Prefer: wait=N`, waits for the end."""
    made = await run_in_threadpool(service.create, services, tenant, body, idempotency_key)
    state = await wait_for_end(services, made.value, wait_seconds)
    return accept(response, show_batch(state, links), is_replay=made.is_replay)


@router.get("")
def list_batches(
    *,
    request: Request,
    response: Response,
    query: Annotated[JobQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[BatchView]:
    """The batches, newest first."""
    found = jobs.list_page(
        services,
        tenant,
        "batch",
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: show_batch(state, links),
    )
    return link_next(request, response, found)


@router.get("/{batch_id}", response_model=BatchView)
async def get_batch(
    *,
    batch_id: BatchId,
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
) -> BatchView | Response:
    """One batch as it stands. With `Prefer: wait=N`, as it stands at its end or after N seconds."""
    state = await run_in_threadpool(jobs.find, services, JobRef(tenant=tenant, id=batch_id))
    state = await wait_for_end(services, state, wait_seconds)
    return conditional(request, response, show_batch(state, links))


@router.post("/{batch_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_batch(
    batch_id: BatchId, response: Response, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> BatchView:
    """Asks the batch to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    state = jobs.cancel(services, JobRef(tenant=tenant, id=batch_id))
    return cancelled(response, show_batch(state, links))


@router.delete("/{batch_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_batch(batch_id: BatchId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a batch that has ended, and its shards with it."""
    jobs.delete(services, JobRef(tenant=tenant, id=batch_id))


@router.get("/{batch_id}/shards")
def list_shards(
    batch_id: BatchId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> ShardList:
    """Every shard with its digest, its size and a link that anybody may read it by for a while."""
    manifest = service.read_manifest(services, JobRef(tenant=tenant, id=batch_id))
    shards = tuple(show_shard(shard, links) for shard in manifest.shards)
    return ShardList(batch=batch_id, num_samples=manifest.num_samples, items=shards)


@router.get("/{batch_id}/manifest")
def get_batch_manifest(
    batch_id: BatchId, services: ServicesDep, tenant: TenantDep
) -> BatchManifest:
    """The manifest as it is stored: every shard with its digest and what is in it."""
    return service.read_manifest(services, JobRef(tenant=tenant, id=batch_id))


@router.get("/{batch_id}/events")
def list_batch_events(
    *,
    batch_id: BatchId,
    services: ServicesDep,
    tenant: TenantDep,
    after: AfterEvent = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> EventPage:
    """What happened to the batch, oldest first."""
    return show_events(services, JobRef(tenant=tenant, id=batch_id), after, limit)


async def _open_stream(
    batch_id: BatchId, services: ServicesDep, tenant: TenantDep, last_event_id: LastEventId = None
) -> EventStream:
    return await open_stream(services, JobRef(tenant=tenant, id=batch_id), last_event_id)


@router.get("/{batch_id}/events/live", response_class=EventSourceResponse)
async def follow_batch(
    events: Annotated[EventStream, Depends(_open_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event
