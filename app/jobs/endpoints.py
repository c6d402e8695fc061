"""How the endpoints of every kind of job answer: create, get, list, cancel, events.

`routing.py` makes routes of most of them. `show` turns a job's state into the answer of its kind.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, HTTPException, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

from app.http.idempotency import Created
from app.http.paging import Page
from app.http.requests import Exchange, PageQuery, ServicesDep, created, paged
from app.jobs import service
from app.jobs.answers import conditional, with_status
from app.jobs.following import follow, has_every_event, wait_for_end
from app.jobs.service import JobState
from app.services import Services
from contracts.base import Model
from contracts.events import Event
from contracts.jobs import JobEnvelope, JobRef, JobStatus, Request

V = TypeVar("V", bound=JobEnvelope[Any])

Show = Callable[[JobState, Exchange], V]

EventStream = AsyncIterator[ServerSentEvent]

# Redis refuses ids from 2**64 on, which has 20 digits.
_EVENT_ID = r"^[0-9]{1,19}-[0-9]{1,19}$"

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", pattern=_EVENT_ID)]


class JobQuery(PageQuery):
    """Which page of a list of jobs, and jobs of which status."""

    status: Annotated[JobStatus | None, Query(description="Only jobs of this status")] = None


class EventQuery(Model):
    """Which events of a job."""

    after: Annotated[
        str | None, Query(pattern=_EVENT_ID, description="The id of the last event that you have")
    ] = None
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100


class EventPage(Model):
    """Events of one job, oldest first. Ask again `after` the last one's id."""

    items: tuple[Event, ...]


async def answer_create(
    exchange: Exchange, job: Created[JobState], wait_seconds: int, show: Show[V]
) -> V:
    """Answer 202 and the job, or 200 when it ended within `wait_seconds`."""
    state = await wait_for_end(exchange.services, job.value, wait_seconds)
    view = await run_in_threadpool(show, state, exchange)
    return with_status(exchange.response, created(exchange, view, is_replay=job.is_replay))


async def answer_get(
    exchange: Exchange, ref: JobRef, wait_seconds: int, show: Show[V]
) -> V | Response:
    """Answer the job, or 304 when the caller has its present state. Raises `NotFound` or `Gone`."""
    state = await run_in_threadpool(service.find, exchange.services, ref)
    state = await wait_for_end(exchange.services, state, wait_seconds)
    return conditional(exchange, await run_in_threadpool(show, state, exchange))


def answer_list(
    exchange: Exchange,
    kind: str,
    query: JobQuery,
    show: Show[V],
    *,
    only: Callable[[Request], bool] = lambda _: True,
) -> Page[V]:
    """Answer a page of the jobs of one kind whose requests pass `only`, newest first."""
    page = service.list_page(
        exchange.services,
        exchange.tenant,
        kind,
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: show(state, exchange),
        only=only,
    )
    return paged(exchange, page)


def answer_cancel(exchange: Exchange, ref: JobRef, show: Show[V]) -> V:
    """Answer 202 while the job stops, 200 and unchanged when it had ended. Raises `NotFound` or `Gone`."""
    state = service.cancel(exchange.services, ref)
    return with_status(exchange.response, show(state, exchange))


def list_events(services: Services, ref: JobRef, query: EventQuery) -> EventPage:
    """Answer the events of a job, oldest first. Raises `NotFound` or `Gone`."""
    events = service.events(services, ref, after=query.after, limit=query.limit)
    return EventPage(items=tuple(events))


def live_events(ref_of: Callable[..., Awaitable[JobRef]]) -> Callable[..., Awaitable[EventStream]]:
    """Return a dependency: the events, as they happen, of the job that the dependency `ref_of` names.

    It refuses before the first byte of the answer: it raises `NotFound` or `Gone`, and answers 204 to a listener that
    reconnects after the end and has every event. A browser stops reconnecting then.
    """

    async def open_stream(
        ref: Annotated[JobRef, Depends(ref_of)],
        services: ServicesDep,
        last_event_id: LastEventId = None,
    ) -> EventStream:
        if await has_every_event(services, ref, last_event_id):
            raise HTTPException(HTTPStatus.NO_CONTENT)
        return _stream(services, ref, last_event_id)

    return open_stream


async def _stream(services: Services, ref: JobRef, after: str | None) -> EventStream:
    async for event in follow(services, ref, after):
        yield ServerSentEvent(id=event.id, event=event.type, data=event)
