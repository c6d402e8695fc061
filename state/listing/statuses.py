"""The lists in Redis of one noun by status, and its deleted resources. The list of all its ids is in the ledger.

A list by status only finds jobs quickly: who reads it checks the store. Unfinished jobs are read in every round of the
reconciler, which corrects them; ended jobs never change. Every method may raise `redis.RedisError`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, cast

import redis

from contracts.base import now
from contracts.jobs import JobStatus
from state import redis_keys
from state.keys import Noun

UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.CANCELLING)
UNREADABLE = "unreadable"
"""The list of jobs whose record cannot be read: nothing repairs them, and a list of all jobs names them."""
PRESENT = "present"
"""The status of a resource that is no job. Only the list of all ids has it."""
STATUSES = (*(status.value for status in JobStatus), UNREADABLE)

_AT_ONCE = 1_000

# Set the marks unless Redis has lost its data since the lock was taken.
# KEYS: the lock, the marks. ARGV: the owner of the lock.
_COMPLETE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('set', KEYS[i], '1') end
return 1
"""


def move(pipeline: Any, tenant: str, noun: Noun, job_id: str, status: str) -> None:  # noqa: ANN401 - redis-py's pipelines have no common type
    """Move a job to the list of its status. It is in the list of all jobs, too."""
    pipeline.zadd(redis_keys.index(tenant, noun), {job_id: 0})
    for other in STATUSES:
        if other != status:
            pipeline.zrem(redis_keys.status_index(tenant, noun, other), job_id)
    pipeline.zadd(redis_keys.status_index(tenant, noun, status), {job_id: 0})


@dataclass(frozen=True)
class Deleted:
    """The state of a deleted resource: since when it has its tombstone."""

    at: datetime


State = str | Deleted
"""A status, `UNREADABLE`, `PRESENT`, or the time of the deletion."""


class StatusIndex:
    """The lists of one noun of one tenant by status."""

    def __init__(self, connection: "redis.Redis", tenant: str, noun: Noun) -> None:
        self._redis = connection
        self._tenant, self._noun = tenant, noun
        self._ids = redis_keys.index(tenant, noun)
        self._deleted = redis_keys.deleted(tenant, noun)
        self._marks = (redis_keys.index_mark(tenant, noun), redis_keys.status_mark(tenant, noun))

    def _of(self, status: str) -> str:
        return redis_keys.status_index(self._tenant, self._noun, status)

    @property
    def is_complete(self) -> bool:
        """Whether the lists have all resources of the store. False after Redis has lost its data."""
        return self._redis.exists(*self._marks) == len(self._marks)

    def unfinished(self) -> list[str]:
        """Return the ids of all jobs that have not ended, newest first."""
        ids = [
            each for status in UNFINISHED for each in self._redis.zrange(self._of(status), 0, -1)
        ]
        return sorted(set(cast("list[str]", ids)), reverse=True)

    def page(self, status: JobStatus, before: str | None, limit: int) -> list[str]:
        """Return up to `limit` ids of jobs with a status, older than `before`, newest first."""
        top = f"({before}" if before else "+"
        page = self._redis.zrevrangebylex(self._of(status), top, "-", start=0, num=limit)
        return cast("list[str]", page)

    def count(self, status: JobStatus) -> int:
        """Return the number of jobs with a status."""
        return self._redis.zcard(self._of(status))

    def unknown(self, ids: Iterable[str], *, are_jobs: bool) -> list[str]:
        """Return the ids that are in no list: Redis has lost them, or never had them."""
        lists = [self._deleted, *(map(self._of, STATUSES) if are_jobs else (self._ids,))]
        unknown: list[str] = []
        for chunk in _chunks(ids):
            with self._redis.pipeline(transaction=False) as pipeline:
                for key in lists:
                    pipeline.zmscore(key, chunk)
                columns = cast("list[list[float | None]]", pipeline.execute())
            scores = zip(*columns, strict=True)
            unknown += [
                each for each, of_one in zip(chunk, scores, strict=True) if not any_of(of_one)
            ]
        return unknown

    def fill(self, states: Mapping[str, State]) -> None:
        """Put resources into the lists of their states, and out of all others."""
        for chunk in _chunks(states):
            with self._redis.pipeline(transaction=True) as pipeline:
                for each in chunk:
                    self._put(pipeline, each, states[each])
                pipeline.execute()

    def _put(self, pipeline: Any, resource_id: str, state: State) -> None:  # noqa: ANN401 - as in `move`
        if isinstance(state, Deleted):
            self._forget(pipeline, resource_id)
            pipeline.zadd(self._deleted, {resource_id: state.at.timestamp()})
            return
        if state == PRESENT:
            pipeline.zadd(self._ids, {resource_id: 0})
        else:
            move(pipeline, self._tenant, self._noun, resource_id, state)

    def remove(self, resource_id: str, *, is_deleted: bool) -> None:
        """Remove a resource from all lists. A deleted one is kept among the deleted."""
        with self._redis.pipeline(transaction=True) as pipeline:
            self._forget(pipeline, resource_id)
            if is_deleted:
                pipeline.zadd(self._deleted, {resource_id: now().timestamp()})
            pipeline.execute()

    def _forget(self, pipeline: Any, resource_id: str) -> None:  # noqa: ANN401 - as in `move`
        for key in (self._ids, *map(self._of, STATUSES)):
            pipeline.zrem(key, resource_id)

    def complete(self, lock: str, owner: str) -> None:
        """Mark the lists as complete, unless Redis has lost its data since `owner` took the lock."""
        keys = (redis_keys.lock(lock), *self._marks)
        self._redis.eval(_COMPLETE, len(keys), *keys, owner)


def any_of(scores: Sequence[float | None]) -> bool:
    """Return whether a list has a score: 0 is one."""
    return any(score is not None for score in scores)


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, _AT_ONCE)):
        yield chunk
