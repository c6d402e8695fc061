"""`/v1/generators/{id}/inverters` and `/v1/inverters`: have a generator's inverter trained, watch it, delete it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.generators import service as generators
from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import ExchangeDep, IdempotencyKey, ServicesDep, TenantDep, WaitSeconds
from app.inverters import service
from app.inverters.schemas import InverterCreate, InverterView, show_inverter
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
from contracts.ids import GeneratorId, InverterId
from contracts.inverters import InverterRequest
from contracts.jobs import JobRef

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["inverters"])


async def _ref(inverter_id: InverterId, tenant: TenantDep) -> JobRef:
    return JobRef(tenant=tenant, id=inverter_id)


RefDep = Annotated[JobRef, Depends(_ref)]


@router.post("/generators/{generator_id}/inverters", status_code=HTTPStatus.ACCEPTED)
async def create_inverter(
    *,
    generator_id: GeneratorId,
    body: InverterCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> InverterView:
    """Has an encoder trained on the generator's own samples. With `Prefer: wait=N`, waits for the end."""
    made = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        generator_id,
        body,
        key=idempotency_key,
    )
    return await answer_create(exchange, made, wait_seconds, show_inverter)


@router.get("/generators/{generator_id}/inverters")
def list_inverters_of(
    generator_id: GeneratorId, exchange: ExchangeDep, query: Annotated[JobQuery, Query()]
) -> Page[InverterView]:
    """The trainings of one generator's inverters, newest first. The generator itself lists what fits can start from."""
    generator = generators.find(exchange.services, exchange.tenant, generator_id)
    return answer_list(
        exchange,
        "inverter",
        query,
        show_inverter,
        only=lambda one: isinstance(one, InverterRequest) and one.generator.id == generator.id,
    )


@router.get("/inverters")
def list_inverters(
    exchange: ExchangeDep, query: Annotated[JobQuery, Query()]
) -> Page[InverterView]:
    """The trainings of all generators' inverters, newest first."""
    return answer_list(exchange, "inverter", query, show_inverter)


@router.get("/inverters/{inverter_id}", response_model=InverterView)
async def get_inverter(
    ref: RefDep, exchange: ExchangeDep, wait_seconds: WaitSeconds
) -> InverterView | Response:
    """One training as it stands. With `Prefer: wait=N`, as it stands at its end or after N seconds."""
    return await answer_get(exchange, ref, wait_seconds, show_inverter)


@router.post("/inverters/{inverter_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_inverter(ref: RefDep, exchange: ExchangeDep) -> InverterView:
    """Asks the training to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    return answer_cancel(exchange, ref, show_inverter)


@router.delete("/inverters/{inverter_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_inverter(ref: RefDep, services: ServicesDep) -> None:
    """Erases a training that has ended, and its inverter. Fits that were made with it stay; one in the making fails."""
    service.delete(services, ref)


@router.get("/inverters/{inverter_id}/events")
def list_inverter_events(
    ref: RefDep, services: ServicesDep, query: Annotated[EventQuery, Query()]
) -> EventPage:
    """What happened to the training, oldest first."""
    return list_events(services, ref, query)


@router.get("/inverters/{inverter_id}/events/live", response_class=EventSourceResponse)
async def follow_inverter(
    events: Annotated[EventStream, Depends(live_events(_ref))],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event
