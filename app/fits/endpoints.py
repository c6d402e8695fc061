"""`/v1/fits`: make a label generator out of a generator and a labelset, watch it, cancel it, delete it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.fits import service
from app.fits.schemas import FitCreate, FitView, show_fit
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
from contracts.ids import FitId
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1/fits", tags=["fits"])


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create_fit(
    *,
    body: FitCreate,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> FitView:
    """Checks everything, stores the request and queues it. With `Prefer: wait=N`, waits for the end."""
    made = await run_in_threadpool(service.create, services, tenant, body, idempotency_key)
    state = await wait_for_end(services, made.value, wait_seconds)
    return accept(response, show_fit(state, links), is_replay=made.is_replay)


@router.get("")
def list_fits(
    *,
    request: Request,
    response: Response,
    query: Annotated[JobQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[FitView]:
    """The fits, newest first."""
    found = jobs.list_page(
        services,
        tenant,
        "fit",
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: show_fit(state, links),
    )
    return link_next(request, response, found)


@router.get("/{fit_id}", response_model=FitView)
async def get_fit(
    *,
    fit_id: FitId,
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    wait_seconds: WaitSeconds,
) -> FitView | Response:
    """One fit as it stands. With `Prefer: wait=N`, as it stands at its end or after N seconds."""
    state = await run_in_threadpool(jobs.find, services, JobRef(tenant=tenant, id=fit_id))
    state = await wait_for_end(services, state, wait_seconds)
    return conditional(request, response, show_fit(state, links))


@router.post("/{fit_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_fit(
    fit_id: FitId, response: Response, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> FitView:
    """Asks the fit to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    state = jobs.cancel(services, JobRef(tenant=tenant, id=fit_id))
    return cancelled(response, show_fit(state, links))


@router.delete("/{fit_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_fit(fit_id: FitId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a fit that has ended, and its label generator with it."""
    jobs.delete(services, JobRef(tenant=tenant, id=fit_id))


@router.get("/{fit_id}/events")
def list_fit_events(
    *,
    fit_id: FitId,
    services: ServicesDep,
    tenant: TenantDep,
    after: AfterEvent = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> EventPage:
    """What happened to the fit, oldest first."""
    return show_events(services, JobRef(tenant=tenant, id=fit_id), after, limit)


async def _open_stream(
    fit_id: FitId, services: ServicesDep, tenant: TenantDep, last_event_id: LastEventId = None
) -> EventStream:
    return await open_stream(services, JobRef(tenant=tenant, id=fit_id), last_event_id)


@router.get("/{fit_id}/events/live", response_class=EventSourceResponse)
async def follow_fit(
    events: Annotated[EventStream, Depends(_open_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event
