"""Follows one job over time: live events, and the wait for its end."""

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
    """Yield the job's events after `after`, as they happen; the last one is `completed`.

    When Redis has lost the end, it is read from the store, so no listener waits for ever.
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
                yield _completed(state, last)
                return


async def has_every_event(services: Services, ref: JobRef, after: str | None) -> bool:
    """Return whether a listener reconnects after the end and has every event."""
    state = await run_in_threadpool(service.find, services, ref)
    if after is None or not state.status.is_terminal:
        return False
    return not await run_in_threadpool(services.ledger.events, ref, after, 1)


async def wait_for_end(services: Services, state: JobState, seconds: int) -> JobState:
    """Return the job when it has ended, or its state after `seconds`."""
    if seconds == 0 or state.status.is_terminal:
        return state
    try:
        async with asyncio.timeout(seconds):
            async for _ in follow(services, state.ref, None):
                pass
    except TimeoutError:
        pass
    return await run_in_threadpool(service.find, services, state.ref)


def _completed(state: JobState, last: str) -> Event:
    manifest = state.record.manifest
    at = manifest.finished_at if manifest else now()
    return Event(id=last, type="completed", at=at, data={"status": state.status.value})
