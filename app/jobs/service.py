"""What all jobs share: being created, found, listed, cancelled and deleted. Knows no HTTP."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import redis
import structlog

from app.http.idempotency import RESERVING, Created, check_replay, reserve
from app.http.paging import Page, read_page
from app.services import Services
from contracts.base import now
from contracts.errors.conflicts import JobNotFinished
from contracts.errors.tree import Gone, NotFound
from contracts.events import FIRST, Event
from contracts.jobs import Cancellation, Idempotency, JobKind, JobRef, JobStatus, Live
from state import keys, records
from state.on_demand.ledger import OnDemandLedger
from state.queues import Call, job_call
from state.records import JobRecord, JobRequest

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R", bound=JobRequest)


@dataclass(frozen=True)
class JobState:
    """A job as it stands: the store's facts, and what Redis adds while it lives."""

    ref: JobRef
    record: JobRecord
    live: Live
    queue_position: int | None = None

    @property
    def status(self) -> JobStatus:
        """The one status."""
        return self.record.status(self.live)


def create(
    services: Services,
    tenant: str,
    kind: JobKind,
    *,
    idempotency: Idempotency | None,
    resolve: Callable[[JobRef], R],
    calls: Callable[[R], Iterable[Call]] | None = None,
    lock_ttl: timedelta = RESERVING,
) -> Created[JobState]:
    """Makes a job of what `resolve` gives and queues its first `calls`, or finds the one that the key has made.

    Raises what `resolve` raises, and what `reserve` does; then nothing has been stored.
    """
    with reserve(services, tenant, kind, idempotency, lock_ttl=lock_ttl) as job_id:
        ref = JobRef(tenant=tenant, id=job_id)
        standing = _find_standing(services, ref)
        if standing is not None:
            check_replay(standing.idempotency, idempotency)
            return Created(_fresh(standing), is_replay=True)
        request = resolve(ref)
        _submit(services, request, lambda: calls(request) if calls else _whole(services, ref))
        return Created(_fresh(request), is_replay=False)


def find(services: Services, ref: JobRef) -> JobState:
    """The job as it stands. Raises `NotFound`, or `Gone` when it was deleted."""
    record = records.read_job(services.store, ref)
    if record is None:
        raise _absence(services, ref)
    live = services.ledger.live(ref) if record.manifest is None else Live()
    state = JobState(ref, record, live)
    if state.status is not JobStatus.QUEUED:
        return state
    return JobState(ref, record, live, _queue_position(services, ref))


def list_page(
    services: Services,
    tenant: str,
    kind: JobKind,
    *,
    limit: int,
    after: str | None,
    status: JobStatus | None,
    show: Callable[[JobState], T],
    only: Callable[[JobRequest], bool] = lambda _: True,
) -> Page[T]:
    """A page of the tenant's jobs of one kind, newest first; of those that `only` lets through."""

    def load(job_id: str) -> T | None:
        ref = JobRef(tenant=tenant, id=job_id)
        record = records.read_job(services.store, ref)
        if record is None or not only(record.request):
            return None
        state = JobState(ref, record, Live() if record.manifest else services.ledger.live(ref))
        return show(state) if status in (None, state.status) else None

    return read_page(
        services,
        tenant,
        keys.NOUN_OF_KIND[kind],
        limit=limit,
        after=after,
        filters=f"status={status or ''}",
        load=load,
    )


def cancel(services: Services, ref: JobRef) -> JobState:
    """Asks a job to stop. One that has ended stays as it is; asking twice changes nothing."""
    state = find(services, ref)
    if state.status.is_terminal or state.status is JobStatus.CANCELLING:
        return state
    records.create(services.store, keys.job_cancel(ref), Cancellation(requested_at=now()))
    state = find(services, ref)
    if not state.status.is_terminal:  # it may have ended meanwhile: nothing is told after the end
        services.ledger.status(ref, JobStatus.CANCELLING)
    return state


def delete(services: Services, ref: JobRef) -> None:
    """Erases a job that has ended; its tombstone stays. Deleting twice changes nothing."""
    if records.is_deleted(services.store, ref):
        _erase(services, ref)
        return
    state = find(services, ref)
    if not state.status.is_terminal:
        raise JobNotFinished(ref.id, state.status)
    _erase(services, ref)


def events(services: Services, ref: JobRef, *, after: str | None, limit: int) -> list[Event]:
    """What happened to a job since the event with id `after`, oldest first."""
    find(services, ref)
    return services.ledger.events(ref, after or FIRST, limit)


def _submit(services: Services, request: JobRequest, calls: Callable[[], Iterable[Call]]) -> None:
    """Stores a request, then announces and queues it. Once it is stored, the job exists.

    When Redis fails after that, the reconciler finds the request in the store and queues it.
    """
    ref = request.ref
    records.create(services.store, keys.job_request(ref), request)
    try:
        services.ledger.index_add(ref.tenant, keys.NOUN_OF_KIND[ref.kind], [ref.id])
        services.ledger.status(ref, JobStatus.QUEUED)
        for call in calls():
            services.queueing.put(call)
    except redis.RedisError as error:
        log.warning("stored but not queued", job=str(ref), error=str(error))


def _whole(services: Services, ref: JobRef) -> list[Call]:
    """The one call of a job that is one piece of work."""
    return [job_call(ref, services.ledger.next_attempt(ref))]


def _find_standing(services: Services, ref: JobRef) -> JobRequest | None:
    """What was made before under a reserved id. Raises `Gone` when it has been deleted since."""
    request = records.read_request(services.store, ref)
    if request is None and records.is_deleted(services.store, ref):
        raise Gone(ref.kind, ref.id)
    return request


def _fresh(request: JobRequest) -> JobState:
    """A job as it stood at its birth: a function of the request alone, so a replay gives the same answer."""
    return JobState(request.ref, JobRecord(request, None, None), Live())


def _erase(services: Services, ref: JobRef) -> None:
    records.delete_objects(
        services.store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )
    try:
        services.ledger.forget(ref)
        OnDemandLedger(services.ledger).forget(str(ref))
        services.ledger.index_remove(ref.tenant, keys.NOUN_OF_KIND[ref.kind], ref.id)
    except (
        redis.RedisError
    ) as error:  # its disk may be the full one; lists pass over what is not in the store
        log.warning("deleted but still in the index", job=str(ref), error=str(error))


def _absence(services: Services, ref: JobRef) -> Exception:
    if records.is_deleted(services.store, ref):
        return Gone(ref.kind, ref.id)
    return NotFound(ref.kind, ref.id)


def _queue_position(services: Services, ref: JobRef) -> int | None:
    try:
        return services.queueing.position(ref)
    except redis.RedisError:
        return None
