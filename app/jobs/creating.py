"""Creates jobs of every kind: checks a request, stores it, and lets it wait for a worker. Knows no HTTP."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import redis
import structlog

from app.http.idempotency import RESERVING, Created, Draft, create_once
from app.http.request_ids import current_origin
from app.jobs.limits import check_queue, check_work, num_pairs
from app.jobs.service import JobState
from app.services import Services
from contracts.accounts.usage import Usage
from contracts.errors.tree import Gone
from contracts.jobs import Idempotency, JobRef, JobStatus, Live, Request
from state import keys, records
from state.admission.costs import Cost
from state.estimates.rates import estimate
from state.queues import job_call
from state.records import JobRecord
from state.retention.expiry import mark as mark_expiry
from state.usage.notes import note

log = structlog.get_logger()

_KEPT_KINDS = frozenset({"generator", "inverter"})

R = TypeVar("R", bound=Request)


def create_job(  # noqa: PLR0913 - keyword-only, most with a default
    services: Services,
    tenant: str,
    kind: str,
    *,
    idempotency: Idempotency | None,
    resolve: Callable[[JobRef], R],
    claim: Callable[[JobRef], object] | None = None,
    queue: Callable[[R], None] | None = None,
    cost: Callable[[R], Cost] | None = None,
    lock_ttl: timedelta = RESERVING,
    expires_after_seconds: int | None = None,
    validate_only: bool = False,
) -> Created[JobState]:
    """Store the request that `resolve` returns and let it wait with `queue`, or return the job of the Idempotency-Key.

    `claim` takes what the job uses up, just before its request is stored. Without `queue`, one call does the whole job.
    `cost` predicts what the job costs its queue, by default as earlier ones of its task. The job is deleted
    `expires_after_seconds` after its end, by default as the tenant's limits say. `validate_only` stores nothing.

    Raises `QueueFull` or `QuotaExceeded`. After an error of `resolve`, `claim` or `create_once` there is no job.
    """

    def make(job_id: str) -> Draft[Request]:
        request = _complete(
            services, resolve(JobRef(tenant=tenant, id=job_id)), expires_after_seconds
        )
        pairs = num_pairs(services, request)
        check_work(services, request, pairs)
        check_queue(services, request, lambda: cost(request) if cost else None)

        def store() -> None:
            if claim is not None:
                claim(request.ref)
            note(services.store, tenant, Usage(requested_pairs=pairs))
            _submit(services, request, lambda: (queue or partial(_queue_job, services))(request))

        return Draft(request, store)

    created = create_once(
        services,
        tenant,
        kind,
        idempotency,
        find=lambda job_id: _find_existing(services, JobRef(tenant=tenant, id=job_id)),
        make=make,
        lock_ttl=lock_ttl,
        validate_only=validate_only,
    )
    state = _new_state(created.value)
    return Created(state, is_replay=created.is_replay, is_stored=created.is_stored)


def _complete(services: Services, resolved: R, expires_after_seconds: int | None) -> R:
    """Return a request with what all kinds have: its origin, its end, and what it will probably cost."""
    own = expires_after_seconds or resolved.expires_after_seconds  # a resumed batch has one
    changes: dict[str, Any] = {
        "origin": current_origin(),
        "expires_after_seconds": own or _default_expiry(services, resolved),
        "estimate": estimate(services.store, resolved),
    }
    return resolved.model_copy(update=changes)


def _default_expiry(services: Services, request: Request) -> int | None:
    """Return how long the tenant's jobs are kept. Generators and inverters have no end by default."""
    if request.ref.kind in _KEPT_KINDS:
        return None
    return services.keys.limits(request.tenant).expires_after_seconds


def _submit(services: Services, request: Request, queue: Callable[[], None]) -> None:
    """List a request, then store and queue it. The job exists as soon as its request is stored.

    When Redis fails after that, the reconciler finds the job in the list and queues it. A listed job without a request
    is no job.
    """
    ref = request.ref
    if request.expires_after_seconds is not None:
        mark_expiry(services.store, ref)
    _list(services, ref)
    records.create(services.store, keys.job_request(ref), request)
    try:
        services.ledger.publish_status(ref, JobStatus.QUEUED)
        queue()
    except redis.RedisError as error:
        log.warning("stored but not queued", job=str(ref), error=str(error))


def _list(services: Services, ref: JobRef) -> None:
    """List a new job in Redis, or leave a note in the store: the reconciler reads no other jobs."""
    try:
        services.ledger.index_status(ref, JobStatus.QUEUED)
    except redis.RedisError as error:
        log.warning("listed in the store", job=str(ref), error=str(error))
        services.store.put(keys.unlisted(ref), b"{}")


def _queue_job(services: Services, request: Request) -> None:
    """Queue the one call that does a whole job."""
    attempt = services.ledger.next_attempt(request.ref)
    services.queueing.admission.put(job_call(services.kinds, request, attempt))


def _find_existing(services: Services, ref: JobRef) -> Request | None:
    """Return the request of a reserved id, or None when it was never stored. Raises `Gone` when it was deleted."""
    request = records.read_request(services.store, ref, services.kinds.of(ref).request)
    if request is None and records.is_deleted(services.store, ref):
        raise Gone(ref.kind, ref.id)
    return request


def _new_state(request: Request) -> JobState:
    """Return the state of a new job. It depends only on the request, so a replay gets the same answer."""
    return JobState(request.ref, JobRecord(request, None, None), Live())
