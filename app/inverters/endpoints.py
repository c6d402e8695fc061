"""`/v1/generators/{id}/inverters` and `/v1/inverters`: have a generator's inverter trained, watch it, delete it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.generators import service as generators
from app.inverters import service
from app.inverters.schemas import InverterCreate, InverterView, show_inverter
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
from contracts.ids import GeneratorId, InverterId
from contracts.inverters import InverterRequest
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1", tags=["inverters"])


@router.post("/generators/{generator_id}/inverters", status_code=HTTPStatus.ACCEPTED)
async def create_inverter(
    *,
    generator_id: GeneratorId,
    body: InverterCreate,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> InverterView:
    """Has an encoder trained on the generator's own samples. With `Prefer: wait=N`, waits for the end."""
    made = await run_in_threadpool(
        service.create, services, tenant, generator_id, body, key=idempotency_key
    )
    state = await wait_for_end(services, made.value, wait_seconds)
    return accept(response, show_inverter(state, links), is_replay=made.is_replay)


@router.get("/generators/{generator_id}/inverters")
def list_inverters_of(
    *,
    generator_id: GeneratorId,
    request: Request,
    response: Response,
    query: Annotated[JobQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[InverterView]:
    """The trainings of one generator's inverters, newest first. The generator itself lists what fits can start from."""
    generator = generators.find(services, tenant, generator_id)
    found = jobs.list_page(
        services,
        tenant,
        "inverter",
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: show_inverter(state, links),
        only=lambda one: isinstance(one, InverterRequest) and one.generator.id == generator.id,
    )
    return link_next(request, response, found)


@router.get("/inverters")
def list_inverters(
    *,
    request: Request,
    response: Response,
    query: Annotated[JobQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[InverterView]:
    """The trainings of all generators' inverters, newest first."""
    found = jobs.list_page(
        services,
        tenant,
        "inverter",
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: show_inverter(state, links),
    )
    return link_next(request, response, found)


@router.get("/inverters/{inverter_id}", response_model=InverterView)
async def get_inverter(
    *,
    inverter_id: InverterId,
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
) -> InverterView | Response:
    """One training as it stands. With `Prefer: wait=N`, as it stands at its end or after N seconds."""
    state = await run_in_threadpool(jobs.find, services, JobRef(tenant=tenant, id=inverter_id))
    state = await wait_for_end(services, state, wait_seconds)
    return conditional(request, response, show_inverter(state, links))


@router.post("/inverters/{inverter_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_inverter(
    *,
    inverter_id: InverterId,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> InverterView:
    """Asks the training to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    state = jobs.cancel(services, JobRef(tenant=tenant, id=inverter_id))
    return cancelled(response, show_inverter(state, links))


@router.delete("/inverters/{inverter_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_inverter(inverter_id: InverterId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a training that has ended, and its inverter. Fits that were made with it stay; one in the making fails."""
    service.delete(services, JobRef(tenant=tenant, id=inverter_id))


@router.get("/inverters/{inverter_id}/events")
def list_inverter_events(
    *,
    inverter_id: InverterId,
    services: ServicesDep,
    tenant: TenantDep,
    after: AfterEvent = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> EventPage:
    """What happened to the training, oldest first."""
    return show_events(services, JobRef(tenant=tenant, id=inverter_id), after, limit)


async def _open_stream(
    inverter_id: InverterId,
    services: ServicesDep,
    tenant: TenantDep,
    last_event_id: LastEventId = None,
) -> EventStream:
    return await open_stream(services, JobRef(tenant=tenant, id=inverter_id), last_event_id)


@router.get("/inverters/{inverter_id}/events/live", response_class=EventSourceResponse)
async def follow_inverter(
    events: Annotated[EventStream, Depends(_open_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event
