"""Trouble of the store is waited for: a call whose store is full, read-only or away returns to its queue.

That is no failed attempt, because the call may succeed unchanged once the store is back. The waits of a call double
and add up in Redis. When they exceed the patience of the settings, the call fails like any other.
"""

import errno
from contextlib import suppress
from datetime import timedelta

import redis

from contracts.errors.tree import StoreUnavailable
from contracts.kinds import RETENTION
from state import redis_keys
from state.ledger import Ledger

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=5)
"""The longest delay until work goes on after the end of the trouble."""

_FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def is_trouble_of_the_store(error: BaseException) -> bool:
    """Return whether the store failed, or this machine's disk is full. Neither is a fault of the job."""
    is_full = isinstance(error, OSError) and error.errno in _FULL_DISK
    return is_full or isinstance(error, StoreUnavailable)


class StorePatience:
    """How long each call has waited for the store. While Redis is down, no call has waited, and none can wait."""

    def __init__(self, ledger: Ledger, patience: timedelta) -> None:
        self._redis = ledger.redis
        self._patience = patience

    def next_wait(self, call: str) -> timedelta | None:
        """Return how long a call waits before its next try; None when it has waited long enough. Counts the wait."""
        with suppress(redis.RedisError):
            waited = self._waited(call)
            wait = min(max(waited, FIRST_WAIT), LONGEST_WAIT)
            if waited + wait <= self._patience:
                key = redis_keys.store_waits(call)
                self._redis.set(key, int((waited + wait).total_seconds()), ex=RETENTION)
                return wait
        return None

    def has_waited(self, call: str) -> bool:
        """Return whether the last try of a call met trouble of the store."""
        with suppress(redis.RedisError):
            return bool(self._waited(call))
        return False

    def forget(self, call: str) -> None:
        """End the waits of a call: it has met no trouble."""
        with suppress(redis.RedisError):  # the work is done: it must not count as failed
            self._redis.delete(redis_keys.store_waits(call))

    def _waited(self, call: str) -> timedelta:
        return timedelta(seconds=int(self._redis.get(redis_keys.store_waits(call)) or 0))
