"""What the endpoints of every kind of job share: how one is created, shown, listed and cancelled, and its events.

A room's `endpoints.py` says its addresses, its shapes and its words; `show` makes its own answer out of a job's state.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, HTTPException, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

from app.http.idempotency import Created
from app.http.links import Links
from app.http.paging import Page
from app.http.requests import Exchange, PageQuery, ServicesDep, created, paged
from app.jobs import service
from app.jobs.answers import conditional, with_status
from app.jobs.following import follow, has_nothing_to_tell, wait_for_end
from app.jobs.service import JobState
from app.services import Services
from contracts.base import Model
from contracts.events import Event
from contracts.jobs import JobEnvelope, JobKind, JobRef, JobStatus
from state.records import JobRequest

V = TypeVar("V", bound=JobEnvelope[Any])

Show = Callable[[JobState, Links], V]

EventStream = AsyncIterator[ServerSentEvent]

# Redis refuses ids from 2**64 on, which has 20 digits.
_EVENT_ID = r"^[0-9]{1,19}-[0-9]{1,19}$"

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", pattern=_EVENT_ID)]


class JobQuery(PageQuery):
    """Which page of a list of jobs, and of which status."""

    status: Annotated[JobStatus | None, Query(description="Only jobs of this status")] = None


class EventQuery(Model):
    """Which of a job's events."""

    after: Annotated[
        str | None, Query(pattern=_EVENT_ID, description="The id of the last event that you have")
    ] = None
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100


class EventPage(Model):
    """Events of one job, oldest first. Ask again `after` the last one's id."""

    items: tuple[Event, ...]


async def answer_create(
    exchange: Exchange, made: Created[JobState], wait_seconds: int, show: Show[V]
) -> V:
    """202 and the job, or 200 when it was waited for to its end."""
    state = await wait_for_end(exchange.services, made.value, wait_seconds)
    view = await run_in_threadpool(show, state, exchange.links)
    return with_status(exchange.response, created(exchange, view, is_replay=made.is_replay))


async def answer_get(
    exchange: Exchange, ref: JobRef, wait_seconds: int, show: Show[V]
) -> V | Response:
    """The job as it stands, or 304 when the caller has it already. Raises `NotFound` or `Gone`."""
    state = await run_in_threadpool(service.find, exchange.services, ref)
    state = await wait_for_end(exchange.services, state, wait_seconds)
    return conditional(exchange, await run_in_threadpool(show, state, exchange.links))


def answer_list(
    exchange: Exchange,
    kind: JobKind,
    query: JobQuery,
    show: Show[V],
    *,
    only: Callable[[JobRequest], bool] = lambda _: True,
) -> Page[V]:
    """A page of the jobs of one kind, newest first; of those that `only` lets through."""
    found = service.list_page(
        exchange.services,
        exchange.tenant,
        kind,
        limit=query.limit,
        after=query.after,
        status=query.status,
        show=lambda state: show(state, exchange.links),
        only=only,
    )
    return paged(exchange, found)


def answer_cancel(exchange: Exchange, ref: JobRef, show: Show[V]) -> V:
    """202 while the job is stopping, 200 and unchanged when it had ended before. Raises `NotFound` or `Gone`."""
    state = service.cancel(exchange.services, ref)
    return with_status(exchange.response, show(state, exchange.links))


def list_events(services: Services, ref: JobRef, query: EventQuery) -> EventPage:
    """What happened to a job, oldest first. Raises `NotFound` or `Gone`."""
    found = service.events(services, ref, after=query.after, limit=query.limit)
    return EventPage(items=tuple(found))


def live_events(ref_of: Callable[..., Awaitable[JobRef]]) -> Callable[..., Awaitable[EventStream]]:
    """A dependency that gives the events, as they come, of the job that the dependency `ref_of` names.

    Everything that can be refused is refused there, before the first byte: it raises `NotFound` or `Gone`, and answers
    204 to a listener who comes back after the end, for it stops asking then.
    """

    async def open_stream(
        ref: Annotated[JobRef, Depends(ref_of)],
        services: ServicesDep,
        last_event_id: LastEventId = None,
    ) -> EventStream:
        if await has_nothing_to_tell(services, ref, last_event_id):
            raise HTTPException(HTTPStatus.NO_CONTENT)
        return _stream(services, ref, last_event_id)

    return open_stream


async def _stream(services: Services, ref: JobRef, after: str | None) -> EventStream:
    async for event in follow(services, ref, after):
        yield ServerSentEvent(id=event.id, event=event.type, data=event)
