"""The ledger: this service's data in Redis, beside the queues.

Live progress, events, attempts, the listing index, heartbeats. None of it is a fact: when Redis loses
it, no job is lost. While Redis is down, methods that only inform (progress, events) do nothing; methods that decide
(attempts, the index, locks) raise `redis.RedisError`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Self, cast

import redis
import structlog
from redis.typing import EncodableT, FieldT

from contracts.base import now
from contracts.events import FIRST, MAX_EVENTS, Event, progress_entry, read_entry, status_entry
from contracts.heartbeats import Heartbeat
from contracts.jobs import JobRef, JobStatus, Live, Progress
from contracts.kinds import RETENTION
from state import redis_keys
from state.keys import Noun
from state.listing.statuses import StatusIndex, move
from state.redis_calls import RedisCalls
from state.redis_values import read_or_skip

log = structlog.get_logger()

# The last event is published once, by the worker or, when Redis was away, by the reconciler.
# KEYS: live data, events, other keys of the job. ARGV: whether it is late, limit and seconds of the events, the fields
# of the entry.
_END = """
local ended, last = false, redis.call('xrevrange', KEYS[2], '+', '-', 'COUNT', 1)[1]
if last then
    for i = 1, #last[2], 2 do
        ended = ended or (last[2][i] == 'type' and last[2][i + 1] == 'completed')
    end
end
local is_needed = ARGV[1] == '0' or last or redis.call('exists', KEYS[1]) == 1
if is_needed and not ended then
    redis.call('xadd', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 4))
    redis.call('expire', KEYS[2], ARGV[3])
end
redis.call('del', KEYS[1], unpack(KEYS, 3))
"""

_SAVED_WORK = "saved_work"
"""The field of a job's attempts with the number of the last attempt that stored work."""


class Ledger:
    """This service's keys in Redis. Safe to share between threads."""

    def __init__(self, client: "redis.Redis") -> None:
        self.redis = client

    @classmethod
    def connect(cls, url: str, calls: RedisCalls | None = None) -> Self:
        """Return a ledger on the Redis at `url`. Connects on first use. `calls` limits the time of each command."""
        return cls((calls or RedisCalls()).connect(url, decode_responses=True))

    # Live progress and events: for information.

    def record_start(self, ref: JobRef, attempt: int) -> None:
        """Record that a worker has started. Every shard of a batch does so; only the first start is published."""
        with _optional("record_start", ref):
            is_first = self.redis.hsetnx(redis_keys.live(ref), "started_at", now().isoformat())
            report = {"attempt": str(attempt), "reported_at": now().isoformat()}
            self.redis.hset(redis_keys.live(ref), mapping=cast("dict[FieldT, EncodableT]", report))
            self.redis.expire(redis_keys.live(ref), RETENTION)
            if is_first:
                self._publish(ref, status_entry(JobStatus.RUNNING, now()))
                self.index_status(ref, JobStatus.RUNNING)

    def report_progress(self, ref: JobRef, progress: Progress) -> None:
        """Publish the progress. Call it about once a second, not for every step."""
        with _optional("report_progress", ref):
            report = {"progress": progress.model_dump_json(), "reported_at": now().isoformat()}
            self.redis.hset(redis_keys.live(ref), mapping=cast("dict[FieldT, EncodableT]", report))
            self.redis.expire(redis_keys.live(ref), RETENTION)
            self._publish(ref, progress_entry(progress, now()))

    def publish_progress(self, ref: JobRef, progress: Progress) -> None:
        """Publish the progress of a job that no worker has."""
        with _optional("publish_progress", ref):
            self._publish(ref, progress_entry(progress, now()))

    def publish_status(self, ref: JobRef, status: JobStatus) -> None:
        """Publish a new status. A terminal one ends the events and clears the live data."""
        with _optional("publish_status", ref):
            if status.is_terminal:
                self._publish_end(ref, status, is_late=False)
            else:
                self._publish(ref, status_entry(status, now()))
                self.index_status(ref, status)

    def publish_missing_end(self, ref: JobRef, status: JobStatus) -> None:
        """Publish the end of a job if its events lack it: Redis was away when it ended. Raises `redis.RedisError`."""
        self._publish_end(ref, status, is_late=True)

    def live(self, ref: JobRef) -> Live:
        """Return the live data of a job that has not ended; an empty `Live` when there is none."""
        fields: dict[str, str] = {}
        with _optional("live", ref):
            fields = cast("dict[str, str]", self.redis.hgetall(redis_keys.live(ref)))
        return _read_live(ref, fields)

    def events(self, ref: JobRef, after: str = FIRST, limit: int = 100) -> list[Event]:
        """Return up to `limit` events after the one with id `after`, oldest first."""
        entries: list[tuple[str, dict[str, str]]] = []
        with _optional("events", ref):
            newer = self.redis.xrange(redis_keys.events(ref), min=f"({after}", count=limit)
            entries = cast("list[tuple[str, dict[str, str]]]", newer)
        return [event for entry in entries if (event := read_entry(*entry)) is not None]

    def newest(self, stream_key: str) -> str:
        """Return the id of the newest entry of a stream; the one before all entries without any, or without Redis."""
        try:
            entries = self.redis.xrevrange(stream_key, count=1)
        except redis.RedisError:
            return FIRST
        return cast("list[tuple[str, object]]", entries)[0][0] if entries else FIRST

    def forget(self, ref: JobRef) -> None:
        """Remove all data of a job that is being deleted."""
        with _optional("forget", ref):
            self.redis.delete(
                redis_keys.live(ref),
                redis_keys.events(ref),
                redis_keys.in_flight(ref),
                redis_keys.attempts(ref),
                redis_keys.finished_shards(ref),
            )

    def _publish_end(self, ref: JobRef, status: JobStatus, *, is_late: bool) -> None:
        names = (
            redis_keys.live(ref),
            redis_keys.events(ref),
            redis_keys.in_flight(ref),
            redis_keys.finished_shards(ref),
            redis_keys.attempts(ref),
        )
        entry = [text for pair in status_entry(status, now()).items() for text in pair]
        seconds = int(RETENTION.total_seconds())
        self.redis.eval(_END, len(names), *names, int(is_late), MAX_EVENTS, seconds, *entry)
        self.index_status(ref, status)

    def _publish(self, ref: JobRef, entry: dict[str, str]) -> None:
        key = redis_keys.events(ref)
        fields = cast("dict[FieldT, EncodableT]", entry)
        self.redis.xadd(key, fields, maxlen=MAX_EVENTS, approximate=True)
        self.redis.expire(key, RETENTION)

    # Attempts: they decide which calls are queued (claims on shards: `state/batches/shards.py`).

    def next_attempt(self, ref: JobRef, part: str = "job") -> int:
        """Count an attempt of a job, or of one `part` of it, and return its number, from 1."""
        attempt = self.redis.hincrby(redis_keys.attempts(ref), part, 1)
        self.redis.expire(redis_keys.attempts(ref), RETENTION)
        return int(attempt)

    def record_saved_work(self, ref: JobRef) -> None:
        """Record that the current attempt has stored work that the next one continues from: see `attempts_in_vain`."""
        with _optional("record_saved_work", ref):
            key = redis_keys.attempts(ref)
            self.redis.hset(key, _SAVED_WORK, str(self._attempt(ref)))
            self.redis.expire(key, RETENTION)

    def attempts_in_vain(self, ref: JobRef) -> int:
        """Return the number of attempts of a job after the last one that stored work, or of all if none did."""
        saved = self.redis.hget(redis_keys.attempts(ref), _SAVED_WORK)
        return self._attempt(ref) - int(cast("str | None", saved) or 0)

    def has_saved_work(self, ref: JobRef) -> bool:
        """Return whether the current attempt of a job has stored work."""
        return self.redis.hget(redis_keys.attempts(ref), _SAVED_WORK) == str(self._attempt(ref))

    def _attempt(self, ref: JobRef) -> int:
        return int(cast("str | None", self.redis.hget(redis_keys.attempts(ref), "job")) or 0)

    def claim_shard(self, ref: JobRef, index: int) -> int:
        """Record that a shard is handed to RQ now. Returns the number of this attempt."""
        key = redis_keys.in_flight(ref)
        self.redis.zadd(key, {str(index): now().timestamp()})
        self.redis.expire(key, RETENTION)
        return self.next_attempt(ref, f"shard-{index:06d}")

    def try_lock(self, name: str, owner: str, ttl: timedelta) -> bool:
        """Take a lock for at most `ttl`. Returns False while another owner holds it."""
        return bool(self.redis.set(redis_keys.lock(name), owner, nx=True, px=ttl))

    def unlock(self, name: str, owner: str) -> None:
        """Release a lock that the owner still holds."""
        if self.redis.get(redis_keys.lock(name)) == owner:
            self.redis.delete(redis_keys.lock(name))

    # The listing index.

    def index_add(self, tenant: str, noun: Noun, ids: Sequence[str]) -> None:
        """Add ids to the list of one noun."""
        if ids:
            self.redis.zadd(redis_keys.index(tenant, noun), dict.fromkeys(ids, 0))

    def index_status(self, ref: JobRef, status: JobStatus) -> None:
        """Put a job into the list of all jobs, and into that of its status."""
        with self.redis.pipeline(transaction=True) as pipeline:
            move(pipeline, ref.tenant, ref.noun, ref.id, status)
            pipeline.execute()

    def index_remove(self, tenant: str, noun: Noun, resource_id: str) -> None:
        """Remove a resource that is deleted from the lists."""
        StatusIndex(self.redis, tenant, noun).remove(resource_id, is_deleted=True)

    def index_page(self, tenant: str, noun: Noun, before: str | None, limit: int) -> list[str]:
        """Return up to `limit` ids older than `before`, newest first. Without `before`, start at the newest."""
        top = f"({before}" if before else "+"
        key = redis_keys.index(tenant, noun)
        return cast("list[str]", self.redis.zrevrangebylex(key, top, "-", start=0, num=limit))

    def index_is_complete(self, tenant: str, noun: Noun) -> bool:
        """Return False when Redis has lost the list. The list must be rebuilt from the store then."""
        return bool(self.redis.exists(redis_keys.index_mark(tenant, noun)))

    def index_fill(self, tenant: str, noun: Noun, ids: Sequence[str]) -> None:
        """Add all ids of the store, and mark the list as complete.

        In one transaction: otherwise a Redis that loses its data in between has an empty list that looks complete.
        """
        with self.redis.pipeline(transaction=True) as pipeline:
            if ids:
                pipeline.zadd(redis_keys.index(tenant, noun), dict.fromkeys(ids, 0))
            pipeline.set(redis_keys.index_mark(tenant, noun), "1")
            pipeline.execute()

    # Workers.

    def record_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Store the heartbeat of a worker."""
        self.redis.hset(redis_keys.WORKERS, heartbeat.worker, heartbeat.model_dump_json())

    def remove_worker(self, worker: str) -> None:
        """Remove a worker that has stopped."""
        self.redis.hdel(redis_keys.WORKERS, worker)

    def workers(self) -> list[Heartbeat]:
        """Return the last heartbeat of every worker, including old ones. Unreadable ones are skipped."""
        beats = cast("dict[str, str]", self.redis.hgetall(redis_keys.WORKERS))
        read = (read_or_skip(Heartbeat, text, worker=worker) for worker, text in beats.items())
        return [beat for beat in read if beat is not None]

    def fresh_workers(self, within: timedelta) -> list[Heartbeat]:
        """Return the last heartbeat of every worker that is younger than `within`: of those that are alive."""
        return [beat for beat in self.workers() if beat.is_fresh(now(), within)]

    # Reconcilers.

    def record_reconciler(self, name: str) -> None:
        """Record that a reconciler is working or waiting for work, and forget those that stopped long ago."""
        self.redis.zadd(redis_keys.RECONCILERS, {name: now().timestamp()})
        oldest = (now() - RETENTION).timestamp()
        self.redis.zremrangebyscore(redis_keys.RECONCILERS, "-inf", oldest)

    def remove_reconciler(self, name: str) -> None:
        """Remove a reconciler that has stopped."""
        self.redis.zrem(redis_keys.RECONCILERS, name)

    def count_reconcilers(self, within: timedelta) -> int:
        """Return how many reconcilers did a step within a time."""
        oldest = (now() - within).timestamp()
        return int(self.redis.zcount(redis_keys.RECONCILERS, oldest, "+inf"))

    def ping(self) -> None:
        """Raise `redis.RedisError` when Redis does not answer."""
        self.redis.ping()


@contextmanager
def _optional(action: str, ref: JobRef) -> Iterator[None]:
    """Skip an action while Redis is down: the job must not fail because of it."""
    try:
        yield
    except redis.RedisError as error:
        log.warning("redis is unavailable", skipped=action, job=str(ref), error=str(error))


def _read_live(ref: JobRef, fields: Mapping[str, str]) -> Live:
    progress = fields.get("progress")
    times = {
        name: fields[name] for name in ("started_at", "attempt", "reported_at") if name in fields
    }
    live = read_or_skip(Live, json.dumps(times), job=str(ref)) or Live()
    read = read_or_skip(Progress, progress, job=str(ref)) if progress else None
    return live.model_copy(update={"progress": read})
