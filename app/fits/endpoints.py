"""`/v1/fits`: make a label generator out of a generator and a labelset, watch it, cancel it, delete it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.fits import service
from app.fits.schemas import FitCreate, FitView, show_fit
from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import ExchangeDep, IdempotencyKey, ServicesDep, TenantDep, WaitSeconds
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
from contracts.ids import FitId
from contracts.jobs import JobRef

router = APIRouter(route_class=JsonRoute, prefix="/v1/fits", tags=["fits"])


async def _ref(fit_id: FitId, tenant: TenantDep) -> JobRef:
    return JobRef(tenant=tenant, id=fit_id)


RefDep = Annotated[JobRef, Depends(_ref)]


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create_fit(
    body: FitCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> FitView:
    """Checks everything, stores the request and queues it. With `Prefer: wait=N`, waits for the end."""
    made = await run_in_threadpool(
        service.create, exchange.services, exchange.tenant, body, idempotency_key
    )
    return await answer_create(exchange, made, wait_seconds, show_fit)


@router.get("")
def list_fits(exchange: ExchangeDep, query: Annotated[JobQuery, Query()]) -> Page[FitView]:
    """The fits, newest first."""
    return answer_list(exchange, "fit", query, show_fit)


@router.get("/{fit_id}", response_model=FitView)
async def get_fit(
    ref: RefDep, exchange: ExchangeDep, wait_seconds: WaitSeconds
) -> FitView | Response:
    """One fit as it stands. With `Prefer: wait=N`, as it stands at its end or after N seconds."""
    return await answer_get(exchange, ref, wait_seconds, show_fit)


@router.post("/{fit_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_fit(ref: RefDep, exchange: ExchangeDep) -> FitView:
    """Asks the fit to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    return answer_cancel(exchange, ref, show_fit)


@router.delete("/{fit_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_fit(ref: RefDep, services: ServicesDep) -> None:
    """Erases a fit that has ended, and its label generator with it."""
    jobs.delete(services, ref)


@router.get("/{fit_id}/events")
def list_fit_events(
    ref: RefDep, services: ServicesDep, query: Annotated[EventQuery, Query()]
) -> EventPage:
    """What happened to the fit, oldest first."""
    return list_events(services, ref, query)


@router.get("/{fit_id}/events/live", response_class=EventSourceResponse)
async def follow_fit(
    events: Annotated[EventStream, Depends(live_events(_ref))],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event
