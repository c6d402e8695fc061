"""The answers of the endpoints of every kind of job: create, get, list, cancel, events.

`routing.py` adds the routes. `show` turns a job's state into the view of its kind.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import redis
import structlog
from fastapi import Depends, Header, HTTPException, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

from app.http.idempotency import Created
from app.http.paging import Page
from app.http.requests import Exchange, PageQuery, ServicesDep, created, paged
from app.http.validation import validation
from app.jobs import service
from app.jobs.answers import conditional, with_status
from app.jobs.following import completed_event, find_ended, follow, wait_for_end
from app.jobs.service import JobState
from app.services import Services
from contracts.base import Model
from contracts.errors.tree import HandsOffError
from contracts.events import Event
from contracts.jobs import JobEnvelope, JobRef, JobStatus, Request

log = structlog.get_logger()

V = TypeVar("V", bound=JobEnvelope[Any])

Show = Callable[[JobState, Exchange], V]

EventStream = AsyncIterator[ServerSentEvent]

# Redis refuses ids from 2**64 on, which has 20 digits.
_EVENT_ID = r"^[0-9]{1,19}-[0-9]{1,19}$"

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", pattern=_EVENT_ID)]


class JobQuery(PageQuery):
    """The query of a list of jobs."""

    status: Annotated[JobStatus | None, Query(description="Only jobs with this status")] = None


class EventQuery(Model):
    """The query of a list of events."""

    after: Annotated[
        str | None, Query(pattern=_EVENT_ID, description="Only events after the one with this id")
    ] = None
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100


class EventPage(Model):
    """Events of one job, oldest first. For the next page, set `after` to the id of the last one."""

    items: tuple[Event, ...]


async def answer_create(
    exchange: Exchange,
    job: Created[JobState],
    wait_seconds: int,
    show: Show[V],
    *,
    checked: Mapping[str, Model] | None = None,
) -> V | Response:
    """Answer 202 with the job, or 200 if it ended within `wait_seconds`.

    Of a job that was only validated: 200 with what it would be. `checked` is that of `validation`.
    """
    if not job.is_stored:
        return validation(await run_in_threadpool(show, job.value, exchange), checked=checked)
    state = await wait_for_end(exchange.services, job.value, wait_seconds)
    view = await run_in_threadpool(show, state, exchange)
    return with_status(exchange.response, created(exchange, view, is_replay=job.is_replay))


async def answer_get(exchange: Exchange, ref: JobRef, wait_seconds: int, show: Show[V]) -> Response:
    """Answer the job, or 304 if the caller has its current state. Raises `NotFound` or `Gone`."""
    if wait_seconds == 0:  # one visit of a thread: most requests are such polls
        return await run_in_threadpool(_answer_now, exchange, ref, show)
    state = await run_in_threadpool(service.find, exchange.services, ref)
    state = await wait_for_end(exchange.services, state, wait_seconds)
    return conditional(exchange, await run_in_threadpool(show, state, exchange))


def _answer_now(exchange: Exchange, ref: JobRef, show: Show[V]) -> Response:
    return conditional(exchange, show(service.find(exchange.services, ref), exchange))


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
    """Answer 202 while the job stops, or 200 if it had ended already. Raises `NotFound` or `Gone`."""
    state = service.cancel(exchange.services, ref)
    return with_status(exchange.response, show(state, exchange))


def list_events(services: Services, ref: JobRef, query: EventQuery) -> EventPage:
    """Answer the events of a job, oldest first. Raises `NotFound` or `Gone`."""
    events = service.events(services, ref, after=query.after, limit=query.limit)
    return EventPage(items=tuple(events))


def live_events(ref_of: Callable[..., Awaitable[JobRef]]) -> Callable[..., Awaitable[EventStream]]:
    """Return a dependency that yields the events of a job as they happen. `ref_of` is the dependency for its reference.

    Errors are raised before the first byte of the answer: `NotFound`, `Gone`, and 204 for a listener that reconnects
    after the end and has every event. A browser stops reconnecting at 204.
    """

    async def open_stream(
        ref: Annotated[JobRef, Depends(ref_of)],
        services: ServicesDep,
        last_event_id: LastEventId = None,
    ) -> EventStream:
        ended = await find_ended(services, ref, last_event_id)
        if ended is None:
            return _stream(follow(services, ref, last_event_id))
        if last_event_id is not None:
            raise HTTPException(HTTPStatus.NO_CONTENT)
        return _stream(_only(completed_event(ended)))

    return open_stream


async def _only(event: Event) -> AsyncIterator[Event]:
    yield event


async def _stream(events: AsyncIterator[Event]) -> EventStream:
    """Yield the events as they are sent. A failure ends the stream: its response has begun, so no error can be sent.

    A raised error would close the connection after a complete response, when the caller may send the next request on
    it. The listener reconnects, and then gets the error.
    """
    try:
        async for event in events:
            yield ServerSentEvent(id=event.id, event=event.type, data=event)
    except (HandsOffError, HTTPException, redis.RedisError, OSError) as error:
        log.warning("event stream ended early", reason=str(error))
