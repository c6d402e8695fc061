"""What the endpoints of every kind of job share: the shapes of its events, as a list and as a live stream."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import Header, HTTPException, Query
from fastapi.sse import ServerSentEvent

from app.jobs import service
from app.jobs.following import follow, has_nothing_to_tell
from app.requests import PageQuery
from app.services import Services
from contracts.events import Event
from contracts.jobs import JobRef, JobStatus
from contracts.shapes import Shape

EventStream = AsyncIterator[ServerSentEvent]

# Redis refuses ids from 2**64 on, which has 20 digits.
_EVENT_ID = r"^[0-9]{1,19}-[0-9]{1,19}$"

AfterEvent = Annotated[
    str | None, Query(pattern=_EVENT_ID, description="The id of the last event that you have")
]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", pattern=_EVENT_ID)]


class JobQuery(PageQuery):
    """Which page of a list of jobs, and of which status."""

    status: Annotated[JobStatus | None, Query(description="Only jobs of this status")] = None


class EventPage(Shape):
    """Events of one job, oldest first. Ask again `after` the last one's id."""

    items: tuple[Event, ...]


def show_events(services: Services, ref: JobRef, after: str | None, limit: int) -> EventPage:
    """A list of a job's events."""
    return EventPage(items=tuple(service.events(services, ref, after=after, limit=limit)))


async def open_stream(services: Services, ref: JobRef, after: str | None) -> EventStream:
    """A job's events as they come. Everything that can be refused is refused here, before the first byte.

    Raises `NotFound` or `Gone`, and answers 204 to a listener who comes back after the end: it stops asking then.
    """
    if await has_nothing_to_tell(services, ref, after):
        raise HTTPException(HTTPStatus.NO_CONTENT)
    return _stream(services, ref, after)


async def _stream(services: Services, ref: JobRef, after: str | None) -> EventStream:
    async for event in follow(services, ref, after):
        yield ServerSentEvent(id=event.id, event=event.type, data=event)
