"""`/v1/generators`: have a checkpoint imported as a generator that fits can be made of, watch it, delete it."""

from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.generators import service
from app.generators.schemas import GeneratorView, show_generator
from app.generators.uploading import BODY_SCHEMA, BodyDep
from app.http.links import Links
from app.http.paging import Page
from app.http.requests import ExchangeDep, IdempotencyKey, ServicesDep, TenantDep, WaitSeconds
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
from app.jobs.service import JobState
from app.services import Services
from contracts.ids import GeneratorId
from contracts.jobs import JobRef

router = APIRouter(prefix="/v1/generators", tags=["generators"])
checkpoints = APIRouter(prefix="/v1/generators", tags=["generators"])
"""Apart, because here a body may be as large as a checkpoint."""


async def _ref(generator_id: GeneratorId, tenant: TenantDep) -> JobRef:
    return JobRef(tenant=tenant, id=generator_id)


RefDep = Annotated[JobRef, Depends(_ref)]


@checkpoints.post("", status_code=HTTPStatus.ACCEPTED, openapi_extra=BODY_SCHEMA)
async def create_generator(
    body: BodyDep,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> GeneratorView:
    """Has a StyleGAN2 checkpoint imported, sent here as a form or to an upload's link before."""
    made = await run_in_threadpool(
        service.create, exchange.services, exchange.tenant, body, idempotency_key
    )
    return await answer_create(exchange, made, wait_seconds, partial(_show, exchange.services))


@router.get("")
def list_generators(
    exchange: ExchangeDep, query: Annotated[JobQuery, Query()]
) -> Page[GeneratorView]:
    """The generators: those that were uploaded newest first, built-in ones where their names sort among the ids."""
    return answer_list(exchange, "generator", query, partial(_show, exchange.services))


@router.get("/{generator_id}", response_model=GeneratorView)
async def get_generator(
    ref: RefDep, exchange: ExchangeDep, wait_seconds: WaitSeconds
) -> GeneratorView | Response:
    """One generator as it stands: its import, its network, and the inverters that fit it."""
    return await answer_get(exchange, ref, wait_seconds, partial(_show, exchange.services))


@router.post("/{generator_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_generator(ref: RefDep, exchange: ExchangeDep) -> GeneratorView:
    """Asks an import to stop: 202 while it is stopping, 200 and unchanged when it had ended before."""
    return answer_cancel(exchange, ref, partial(_show, exchange.services))


@router.delete("/{generator_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_generator(ref: RefDep, services: ServicesDep) -> None:
    """Erases a generator and its inverters. Fits that were made of it stay, but render no more."""
    service.delete(services, ref)


@router.get("/{generator_id}/events")
def list_generator_events(
    ref: RefDep, services: ServicesDep, query: Annotated[EventQuery, Query()]
) -> EventPage:
    """What happened to the import, oldest first."""
    return list_events(services, ref, query)


@router.get("/{generator_id}/events/live", response_class=EventSourceResponse)
async def follow_generator(
    events: Annotated[EventStream, Depends(live_events(_ref))],
) -> AsyncIterator[ServerSentEvent]:
    """The same events as they come, as server-sent events; resumes by `Last-Event-ID`, ends with `completed`."""
    async for event in events:
        yield event


def _show(services: Services, state: JobState, links: Links) -> GeneratorView:
    inverters = service.list_inverters_of(services, state)
    return show_generator(state, inverters, links, services.families)
