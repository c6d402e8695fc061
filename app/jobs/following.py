"""Follows one job over time: its live events, and the wait for its end."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool

from app.jobs import service
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.events import FIRST, Event
from contracts.jobs import JobRef


async def follow(services: Services, ref: JobRef, after: str | None) -> AsyncIterator[Event]:
    """Yield the events of a job after the one with id `after`, as they happen. The last one is `completed`.

    When Redis has lost the last event, it is made from the store, so the stream always ends.
    """
    last = after or FIRST
    async for event in services.listener.follow(ref, last):
        services.tenants.check(ref.tenant)
        if event is not None:
            last = event.id
            yield event
            if event.type == "completed":
                return
        else:
            state = await run_in_threadpool(service.find, services, ref)
            if state.status.is_terminal:
                yield completed_event(state, last)
                return


async def find_ended(services: Services, ref: JobRef, after: str | None) -> JobState | None:
    """Return the state of a job that has ended and has no event after `after`, else None.

    A built-in generator never had events, and Redis may have lost those of other jobs. Raises `NotFound` or `Gone`.
    """
    state = await run_in_threadpool(service.find, services, ref)
    if not state.status.is_terminal:
        return None
    has_events = await run_in_threadpool(services.ledger.events, ref, after or FIRST, 1)
    return None if has_events else state


async def wait_for_end(services: Services, state: JobState, seconds: int) -> JobState:
    """Return the state of a job at its end, or after `seconds`."""
    if seconds == 0 or state.status.is_terminal:
        return state
    try:
        async with asyncio.timeout(seconds):
            async for _ in follow(services, state.ref, None):
                pass
    except TimeoutError:
        pass
    return await run_in_threadpool(service.find, services, state.ref)


def completed_event(state: JobState, event_id: str = FIRST) -> Event:
    """Return the last event of a job that has ended. A listener that resumes after `event_id` has all events."""
    manifest = state.record.manifest
    at = manifest.finished_at if manifest else now()
    return Event(id=event_id, type="completed", at=at, data={"status": state.status.value})
