"""`/v1/generators`: have a checkpoint imported as a generator that fits can be made of, watch it, delete it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.generators import service
from app.generators.schemas import GeneratorView, show_generator
from app.generators.uploading import BODY_SCHEMA, BodyDep
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
from app.jobs.service import JobState
from app.links import Links
from app.paging import Page
from app.requests import (
    IdempotencyKey,
    LinksDep,
    ServicesDep,
    TenantDep,
    WaitSeconds,
    link_next,
)
from app.services import Services
from contracts.ids import GeneratorId
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1/generators", tags=["generators"])
checkpoints = APIRouter(prefix="/v1/generators", tags=["generators"])
"""Apart, because here a body may be as large as a checkpoint."""


@checkpoints.post("", status_code=HTTPStatus.ACCEPTED, openapi_extra=BODY_SCHEMA)
async def create_generator(
    *,
    body: BodyDep,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> GeneratorView:
    """Has a StyleGAN2 checkpoint imported, sent here as a form or to an upload's link before."""
    made = await run_in_threadpool(service.create, services, tenant, body, idempotency_key)
    state = await wait_for_end(services, made.value, wait_seconds)
    view = await run_in_threadpool(_view, services, state, links)
    return accept(response, view, is_replay=made.is_replay)


@router.get("")
def list_generators(
    *,
    request: Request,
    response: Response,
    query: Annotated[JobQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[GeneratorView]:
    """The generators: those that were uploaded newest first, built-in ones where their names sort among the ids."""
    found = jobs.list_page(
        services,
        tenant,
        "generator",
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: _view(services, state, links),
    )
    return link_next(request, response, found)


@router.get("/{generator_id}", response_model=GeneratorView)
async def get_generator(
    *,
    generator_id: GeneratorId,
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
) -> GeneratorView | Response:
    """One generator as it stands: its import, its network, and the inverters that fit it."""
    state = await run_in_threadpool(jobs.find, services, JobRef(tenant=tenant, id=generator_id))
    state = await wait_for_end(services, state, wait_seconds)
    view = await run_in_threadpool(_view, services, state, links)
    return conditional(request, response, view)


@router.post("/{generator_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_generator(
    *,
    generator_id: GeneratorId,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> GeneratorView:
    """Asks an import to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    state = jobs.cancel(services, JobRef(tenant=tenant, id=generator_id))
    return cancelled(response, _view(services, state, links))


@router.delete("/{generator_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_generator(generator_id: GeneratorId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a generator and its inverters. Fits that were made of it stay, but render no more."""
    service.delete(services, JobRef(tenant=tenant, id=generator_id))


@router.get("/{generator_id}/events")
def list_generator_events(
    *,
    generator_id: GeneratorId,
    services: ServicesDep,
    tenant: TenantDep,
    after: AfterEvent = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> EventPage:
    """What happened to the import, oldest first."""
    return show_events(services, JobRef(tenant=tenant, id=generator_id), after, limit)


async def _open_stream(
    generator_id: GeneratorId,
    services: ServicesDep,
    tenant: TenantDep,
    last_event_id: LastEventId = None,
) -> EventStream:
    return await open_stream(services, JobRef(tenant=tenant, id=generator_id), last_event_id)


@router.get("/{generator_id}/events/live", response_class=EventSourceResponse)
async def follow_generator(
    events: Annotated[EventStream, Depends(_open_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event


def _view(services: Services, state: JobState, links: Links) -> GeneratorView:
    return show_generator(state, service.list_inverters_of(services, state), links)
