"""Turns the reports of readers into versions of a stream's steering state. Knows no HTTP."""

import time
from datetime import timedelta

from app.access.rates import WINDOW_SECONDS
from app.http.idempotency import Created, idempotency_of
from app.room import check_room
from app.services import Services
from app.streams import service
from app.streams.schemas import LossReport
from contracts.base import now
from contracts.digests import sha256_of
from contracts.errors.conflicts import NotSteered
from contracts.errors.limits import TooManyRequests
from contracts.errors.tree import IdempotencyMismatch, InvalidRequest
from contracts.jobs import Idempotency
from contracts.recipes.steering import (
    RecentReport,
    SteeringVersion,
    number_after,
    version_after,
)
from contracts.streams import StreamRef, StreamRequest
from state import redis_keys
from state.steering.versions import SteeringVersions

MAX_REPORTS_PER_MINUTE = 60
"""Of one stream, from all its readers. Each report is an object in the store for as long as the stream exists."""
_MAX_NAMES = 20


def report(
    services: Services, ref: StreamRef, body: LossReport, key: str | None
) -> Created[SteeringVersion]:
    """Add the version that a report makes, or return the one of the Idempotency-Key.

    Raises `NotFound`, `Gone`, `NotSteered`, `InvalidRequest`, `IdempotencyMismatch`, `TooManyRequests`,
    `QuotaExceeded` and `Unavailable`.
    """
    request = _find(services, ref)
    _check_names(body, request)
    recent = _recent(idempotency_of(key, "reports", body.model_dump(mode="json")))
    versions = _versions(services, ref)
    earlier = _earlier(versions.latest(), recent, key)
    if earlier is None:
        services.tenants.admit(ref.tenant, "stream", store=services.store, ledger=services.ledger)
        check_room(services.store, services.settings)
        _count(services, ref)

    def advance(latest: SteeringVersion | None) -> SteeringVersion | None:
        nonlocal earlier
        earlier = _earlier(latest, recent, key)
        if earlier is not None:
            return None
        own = recent and recent.model_copy(update={"version": number_after(latest)})
        return version_after(latest, body.losses, own, now())

    added = versions.add(advance)
    if added is not None:
        return Created(added, is_replay=False)
    assert earlier is not None
    replayed = versions.get(earlier.version)
    assert replayed is not None, "versions are deleted with their stream alone"
    return Created(replayed, is_replay=True)


def latest(services: Services, ref: StreamRef) -> SteeringVersion | None:
    """Return the latest version of the state; None before the first report. Raises as `report` does."""
    _find(services, ref)
    return _versions(services, ref).latest()


def _versions(services: Services, ref: StreamRef) -> SteeringVersions:
    return SteeringVersions(services.store, services.ledger, ref)


def _find(services: Services, ref: StreamRef) -> StreamRequest:
    request = service.find(services, ref)
    if request.steering is None:
        raise NotSteered(ref.id)
    return request


def _check_names(body: LossReport, request: StreamRequest) -> None:
    classes = request.labels.classes
    for name in body.losses:
        if name not in classes:
            more = "" if len(classes) <= _MAX_NAMES else f" and {len(classes) - _MAX_NAMES} more"
            detail = f"Expected classes of the stream ({', '.join(classes[:_MAX_NAMES])}{more}), got '{name}'."
            raise InvalidRequest.at("/losses", detail)


def _recent(idempotency: Idempotency | None) -> RecentReport | None:
    """Return what a version remembers of a report, without the version; None without an Idempotency-Key."""
    if idempotency is None:
        return None
    key = sha256_of(idempotency.key.encode())
    return RecentReport(key=key, fingerprint=idempotency.fingerprint, version=0)


def _earlier(
    latest: SteeringVersion | None, recent: RecentReport | None, key: str | None
) -> RecentReport | None:
    """Return the earlier report with the same key. Raises `IdempotencyMismatch` if it had another body."""
    if latest is None or recent is None:
        return None
    for each in latest.recent:
        if each.key == recent.key:
            if each.fingerprint != recent.fingerprint:
                raise IdempotencyMismatch(
                    f"Idempotency-Key '{key}' was already used for a different report. Use a new key for a new report."
                )
            return each
    return None


def _count(services: Services, ref: StreamRef) -> None:
    """Count a report. Raises `TooManyRequests` beyond the limit of this minute, and `redis.RedisError`."""
    at = time.time()
    key = redis_keys.reports(ref, int(at // WINDOW_SECONDS))
    with services.ledger.redis.pipeline(transaction=True) as pipeline:
        pipeline.incr(key)
        pipeline.expire(key, timedelta(seconds=2 * WINDOW_SECONDS))
        count, _ = pipeline.execute()
    if int(count) > MAX_REPORTS_PER_MINUTE:
        seconds = WINDOW_SECONDS - int(at % WINDOW_SECONDS)
        raise TooManyRequests(MAX_REPORTS_PER_MINUTE, seconds, "reports of one stream")
