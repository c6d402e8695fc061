"""Jobs that a reconciler looks at before its next round: cancelled ones, and those whose wait is over.

A job may wait for another one, such as a batch for its fit. Redis only wakes the reconciler: without it, the next round
finds the job in the store. Every method may raise `redis.RedisError`.
"""

from typing import cast

from contracts.jobs import JobRef
from contracts.kinds import RETENTION
from state import redis_keys
from state.ledger import Ledger

MAX_JOBS = 1_000
"""Of more jobs, the next round finds the oldest."""


class Attention:
    """The list of jobs to look at, and the jobs that wait for other ones."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis

    def request(self, ref: JobRef) -> None:
        """Wake a reconciler for a job."""
        self._request([str(ref)])

    def next(self, seconds: float) -> str | None:
        """Wait for a job and return its reference as text, or None after `seconds`."""
        taken = self._redis.blpop([redis_keys.ATTENTION], timeout=seconds)
        return cast("tuple[str, str]", taken)[1] if taken else None

    def follow(self, other: JobRef, ref: JobRef) -> None:
        """Let the end of another job wake a reconciler for this one."""
        self._redis.sadd(redis_keys.followers(other), str(ref))
        self._redis.expire(redis_keys.followers(other), RETENTION)

    def wake_followers(self, other: JobRef) -> None:
        """Wake a reconciler for the jobs that waited for one that has ended."""
        waiting = cast("set[str]", self._redis.smembers(redis_keys.followers(other)))
        if waiting:
            self._request(sorted(waiting))
            self._redis.delete(redis_keys.followers(other))

    def _request(self, jobs: list[str]) -> None:
        self._redis.rpush(redis_keys.ATTENTION, *jobs)
        self._redis.ltrim(redis_keys.ATTENTION, -MAX_JOBS, -1)
