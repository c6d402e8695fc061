"""Follows one job over time: its live events, and the wait for its end."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool

from app.jobs import service
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.events import FIRST, Event, read_entry
from contracts.jobs import JobRef
from state import records, redis_keys
from state.store import Store


async def follow(services: Services, ref: JobRef, after: str | None) -> AsyncIterator[Event]:
    """Yield the events of a job after the one with id `after`, as they happen. The last one is `completed`.

    When Redis has lost the last event, it is made from the store, so the stream always ends. When the process stops,
    the stream ends early: the listener reconnects and continues after its last event.
    """
    last, listener = after or FIRST, services.listener
    with listener.subscribed(redis_keys.events(ref), last) as subscription:
        while not listener.is_stopping:
            entries = await subscription.next()
            services.tenants.check(ref.tenant)
            for event in filter(None, (read_entry(*entry) for entry in entries)):
                last = event.id
                yield event
                if event.type == "completed":
                    return
            if not entries:
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
    """Return the state of a job at its end, after `seconds`, or when the process stops."""
    if seconds == 0 or state.status.is_terminal:
        return state
    loop, listener, ref = asyncio.get_running_loop(), services.listener, state.ref
    deadline = loop.time() + seconds
    await run_in_threadpool(service.note_wait, services, state.record.request, seconds)
    newest = await run_in_threadpool(services.ledger.newest, redis_keys.events(ref))
    with listener.subscribed(redis_keys.events(ref), newest) as subscription:
        while not listener.is_stopping and (left := deadline - loop.time()) > 0:
            # The first look comes after the subscription: the job may have ended before it.
            if await run_in_threadpool(_is_over, services.store, ref):
                break
            await subscription.wait_for(_is_last, left)
            services.tenants.check(ref.tenant)
    return await run_in_threadpool(service.find, services, ref)


def _is_over(store: Store, ref: JobRef) -> bool:
    """Return whether no wait for a job makes sense. Costs two HEADs and needs no Redis: hundreds of requests ask."""
    return records.has_ended(store, ref) or records.is_deleted(store, ref)


def _is_last(fields: dict[str, str]) -> bool:
    """Return whether an entry is the last one of a job. Progress arrives every second and ends no wait."""
    return fields.get("type") == "completed"


def completed_event(state: JobState, event_id: str = FIRST) -> Event:
    """Return the last event of a job that has ended. A listener that resumes after `event_id` has all events."""
    manifest = state.record.manifest
    at = manifest.finished_at if manifest else now()
    return Event(id=event_id, type="completed", at=at, data={"status": state.status.value})
