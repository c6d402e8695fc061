"""Checks what a tenant may still create, upload and store, by its limits and what the store says that it used.

Requests at the same time may pass together, so a limit can be exceeded by a few.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from contracts.access.tenants import TenantLimits
from contracts.base import now
from contracts.errors.limits import QuotaExceeded
from contracts.errors.tree import Unavailable
from contracts.jobs import JobStatus
from contracts.kinds import Kinds
from state import redis_keys
from state.ledger import Ledger
from state.listing.statuses import StatusIndex
from state.store import Store
from state.usage import notes
from state.usage.stored import read_stored

Amount = Literal["pairs", "upload_bytes"]
"""The amounts that are limited by day."""


@dataclass(frozen=True)
class Work:
    """What a request asks for: pairs to render, bytes that it sends, and predicted bytes of its results."""

    pairs: int = 0
    upload_bytes: int = 0
    stored_bytes: float = 0.0


_JOBS_RETRY = 30
_STORED_RETRY = 3600
_LISTING_RETRY = 5


def check_queued_jobs(limits: TenantLimits, tenant: str, kinds: Kinds, ledger: Ledger) -> None:
    """Raise `QuotaExceeded` if the tenant has as many waiting jobs as it may. Raises `redis.RedisError`."""
    if limits.queued_jobs is None:
        return
    nouns = [kind.noun for kind in kinds]
    if not all(StatusIndex(ledger.redis, tenant, noun).is_complete for noun in nouns):
        raise Unavailable(
            "The lists of jobs are being rebuilt, so the jobs in the queue cannot be counted. Retry in some seconds."
        ).retryable_after(_LISTING_RETRY)
    lists = [redis_keys.status_index(tenant, noun, JobStatus.QUEUED) for noun in nouns]
    waiting = sum(int(ledger.redis.zcard(each)) for each in lists)
    if waiting >= limits.queued_jobs:
        raise QuotaExceeded("queued_jobs", limits.queued_jobs, f"{waiting} wait", _JOBS_RETRY)


def check_stored_bytes(
    limits: TenantLimits, tenant: str, store: Store, expected: float = 0
) -> None:
    """Raise `QuotaExceeded` if the tenant's objects, as last measured, and the expected ones need too much."""
    if limits.stored_bytes is None:
        return
    stored = read_stored(store, tenant)
    num_bytes = stored.num_bytes if stored is not None else 0
    if num_bytes + expected > limits.stored_bytes or num_bytes >= limits.stored_bytes:
        used = f"{num_bytes} are stored and {round(expected)} more are expected"
        raise QuotaExceeded("stored_bytes", limits.stored_bytes, used, _STORED_RETRY)


def check_day(limits: TenantLimits, tenant: str, what: Amount, amount: int, store: Store) -> None:
    """Raise `QuotaExceeded` if `amount` more would exceed what the tenant may use on this day (UTC)."""
    limit = limits.pairs_per_day if what == "pairs" else limits.upload_bytes_per_day
    if limit is None:
        return
    usage = notes.of_day(store, tenant, notes.today())
    used = usage.requested_pairs if what == "pairs" else usage.uploaded_bytes
    if used + amount > limit:
        text = f"{used} are used today and {amount} more are requested"
        raise QuotaExceeded(f"{what}_per_day", limit, text, _seconds_of_day_left(now()))


def _seconds_of_day_left(at: datetime) -> int:
    midnight = datetime.combine(notes.day_of(at) + timedelta(days=1), time(), UTC)
    return max(1, math.ceil((midnight - at).total_seconds()))
