"""The plan of sweeps: which resources a reconciler looks through for leftovers, and when.

A resource is planned while work on it goes on, when it ends and when it is deleted, so a sweep never visits all that
ever existed. A Redis without a plan is new or was flushed: then every resource is planned once. Methods may raise
`redis.RedisError`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

import redis
import structlog

from contracts.base import now
from state import redis_keys
from state.ledger import Ledger

log = structlog.get_logger()


class SweepPlan:
    """Prefixes of resources in the store. Each is swept a while after the time that is planned here."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis

    def add(self, prefixes: Iterable[str], at: datetime) -> None:
        """Plan a sweep of each resource that has none planned."""
        entries = dict.fromkeys(prefixes, at.timestamp())
        if entries:
            self._redis.zadd(redis_keys.SWEEPS, entries, nx=True)

    def put_off(self, prefix: str, at: datetime) -> None:
        """Plan the sweep of a resource after `at`, instead of an earlier time."""
        self._redis.zadd(redis_keys.SWEEPS, {prefix: at.timestamp()})

    def drop(self, prefix: str) -> None:
        """End the sweeps of a resource: it has ended, and nothing is left over."""
        self._redis.zrem(redis_keys.SWEEPS, prefix)

    def planned_before(self, at: datetime, limit: int) -> list[str]:
        """Return up to `limit` prefixes that are planned for a time before `at`, the earliest first."""
        found = self._redis.zrangebyscore(redis_keys.SWEEPS, "-inf", at.timestamp(), 0, limit)
        return cast("list[str]", found)

    def is_complete(self) -> bool:
        """Return whether the resources that existed before this plan were added to it."""
        return bool(self._redis.exists(redis_keys.SWEEPS_MARK))

    def mark_complete(self) -> None:
        """Record that they were added."""
        self._redis.set(redis_keys.SWEEPS_MARK, "1")


def plan_sweep(ledger: Ledger, prefix: str, *, is_over: bool) -> None:
    """Plan a sweep of one resource, after its end (`is_over`) or during work on it.

    While Redis is down, do nothing: the work must not fail because of it.
    """
    plan = SweepPlan(ledger)
    try:
        if is_over:
            plan.put_off(prefix, now())
        else:
            plan.add([prefix], now())
    except redis.RedisError as error:
        log.warning("redis is unavailable", skipped="plan_sweep", prefix=prefix, error=str(error))
