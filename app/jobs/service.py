"""Finds, lists, cancels and deletes jobs of every kind (`creating.py` creates them). Knows no HTTP."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import redis
import structlog

from app.http.paging import Page, read_page
from app.services import Services
from contracts.base import now
from contracts.errors.conflicts import JobNotFinished
from contracts.errors.tree import Gone, NotFound, RecordDamaged
from contracts.events import FIRST, Event
from contracts.ids import owner_of, plural_of
from contracts.jobs import Cancellation, JobRef, JobStatus, Live, Progress, Request
from contracts.kinds import QueueName
from state import keys, records
from state.leftovers.deleting import delete_job
from state.records import JobRecord
from state.waiting.attention import Attention

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class JobState:
    """The current state of a job: its records in the store, and its live data in Redis until it has ended."""

    ref: JobRef
    record: JobRecord
    live: Live
    queue_position: int | None = None
    is_stale: bool = False

    @property
    def status(self) -> JobStatus:
        """The status that the API shows."""
        return self.record.status(self.live)

    @property
    def progress(self) -> Progress | None:
        """The progress that a worker has reported, or what a queued job waits for."""
        other = self.record.request.waits_for
        if other is not None and self.status is JobStatus.QUEUED:
            return wait_of(other)
        return self.live.progress


def wait_of(other: JobRef) -> Progress:
    """Return the progress of a job that waits for another one."""
    return Progress(stage=f"waiting for {other.id}", done=0, total=0)


def find(services: Services, ref: JobRef) -> JobState:
    """Return the current state of a job. Raises `NotFound`, or `Gone` when it was deleted."""
    record = records.read_job(services.store, services.kinds, ref)
    if record is None:
        raise _absence(services, ref)
    live = services.ledger.live(ref) if record.manifest is None else Live()
    state = JobState(ref, record, live, is_stale=_is_stale(services, ref, live))
    if state.status is not JobStatus.QUEUED:
        return state
    return replace(state, queue_position=_queue_position(services, record.request))


def list_page(
    services: Services,
    tenant: str,
    kind: str,
    *,
    limit: int,
    after: str | None,
    status: JobStatus | None,
    show: Callable[[JobState], T],
    only: Callable[[Request], bool] = lambda _: True,
) -> Page[T]:
    """Return a page of the tenant's jobs of one kind whose requests pass `only`, newest first.

    Generators include the built-in ones.
    """

    def load(job_id: str) -> T | None:
        ref = JobRef(tenant=owner_of(tenant, job_id), id=job_id)
        record = records.read_job(services.store, services.kinds, ref)
        if record is None or not only(record.request):
            return None
        live = Live() if record.manifest else services.ledger.live(ref)
        state = JobState(ref, record, live, is_stale=_is_stale(services, ref, live))
        return show(state) if status in (None, state.status) else None

    return read_page(
        services,
        tenant,
        plural_of(kind),
        limit=limit,
        after=after,
        filters=f"status={status or ''}",
        status=status,
        load=load,
    )


def cancel(services: Services, ref: JobRef) -> JobState:
    """Cancel a job. Changes nothing when it has ended or is cancelled already."""
    state = find(services, ref)
    if state.status.is_terminal or state.status is JobStatus.CANCELLING:
        return state
    records.create(services.store, keys.job_cancel(ref), Cancellation(requested_at=now()))
    state = find(services, ref)
    if not state.status.is_terminal:  # it may have ended since: no event follows the end
        services.ledger.publish_status(ref, JobStatus.CANCELLING)
        _withdraw(services, state.record.request)
    return state


def delete(services: Services, ref: JobRef) -> None:
    """Delete a job that has ended, or whose record is damaged; its tombstone stays. Safe to repeat.

    Raises `JobNotFinished`. If the job of a damaged record still runs, its worker stops at the tombstone.
    """
    if not records.is_deleted(services.store, ref):
        with suppress(RecordDamaged):
            state = find(services, ref)
            if not state.status.is_terminal:
                raise JobNotFinished(ref.id, state.status)
    delete_job(services.store, services.ledger, ref)


def events(services: Services, ref: JobRef, *, after: str | None, limit: int) -> list[Event]:
    """Return the events of a job after the one with id `after`, oldest first."""
    find(services, ref)
    return services.ledger.events(ref, after or FIRST, limit)


def note_wait(services: Services, request: Request, seconds: float) -> None:
    """Count a job among those that callers wait for, for some seconds."""
    with suppress(redis.RedisError):
        services.queueing.admission.await_job(_queue_of(services, request), request.id, seconds)


def _absence(services: Services, ref: JobRef) -> Exception:
    if records.is_deleted(services.store, ref):
        return Gone(ref.kind, ref.id)
    return NotFound(ref.kind, ref.id)


def _withdraw(services: Services, request: Request) -> None:
    """Take a cancelled job out of its queue, and wake a reconciler, which ends it if no worker has it."""
    try:
        services.queueing.admission.withdraw(_queue_of(services, request), request.id)
        Attention(services.ledger).request(request.ref)
    except redis.RedisError as error:
        log.warning("cancelled but still queued", job=str(request.ref), error=str(error))


def _queue_position(services: Services, request: Request) -> int | None:
    try:
        return services.queueing.admission.position(
            _queue_of(services, request), request.tenant, request.id
        )
    except redis.RedisError:
        return None


def _queue_of(services: Services, request: Request) -> QueueName:
    return services.kinds.of(request.ref).task_for(request).queue_for(request)


def _is_stale(services: Services, ref: JobRef, live: Live) -> bool:
    """Return whether the progress is old and no live worker has the job. Some steps take minutes."""
    at, fresh = now(), services.settings.heartbeat_fresh
    if live.reported_at is None or at - live.reported_at < fresh:
        return False
    try:
        beats = services.ledger.fresh_workers(fresh)
    except redis.RedisError:
        return False  # unknown
    jobs = (beat.job for beat in beats if beat.job)
    return not any(f"{job}/".startswith(f"{ref}/") for job in jobs)
