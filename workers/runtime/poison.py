"""Checks the data of a queued job in Redis before a worker or the reconciler uses it.

A process that can write Redis can write any job: another function, a callback, a payload of a gigabyte, invalid
numbers. Such a job must not run, must not end the worker, and must not return: it is dropped and logged.
"""

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import cast

import redis
import structlog
from rq.exceptions import NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.queue import Queue
from rq.registry import FailedJobRegistry, ScheduledJobRegistry, StartedJobRegistry

from contracts.ids import RqId
from contracts.kinds import QUEUE_NAMES, Kinds, QueueName, Task

log = structlog.get_logger()

MAX_JOB_BYTES = 1_000_000
"""Limit of one job's data in Redis. Our jobs take about 1,000 bytes."""
MAX_DATA_BYTES = 10_000
"""Limit of the call itself, unpacked. Our calls take about 100 bytes."""
MAX_SECONDS = 60 * 60 * 24 * 30
MAX_COUNT = 10_000_000

RQ_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")

FORBIDDEN = (
    *("success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks"),
    *("dependency_id", "dependency_ids", "group_id", "repeats_left", "repeat_intervals"),
    *("rate_limit_key", "rate_limit_concurrency"),
)
"""Fields that RQ acts on and that our jobs never have. Callbacks name functions, webhooks name addresses."""

KEPT = (
    *("data", "origin", "description", "status", "worker_name", "enqueue_at_front"),
    *("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"),
    *("enqueue_at_front_on_retry", "retry_intervals"),
)
SECONDS = ("timeout", "ttl", "result_ttl", "failure_ttl")
COUNTS = ("number_of_retries", "retries_left")
"""`KEPT`, `SECONDS` and `COUNTS` are the fields that are read. The others, such as results and tracebacks, may unpack
to anything, so they stay in Redis."""

Fields = Mapping[bytes, bytes]


class Poison(NoSuchJobError):
    """The entry is not one of our jobs. RQ sees a job that does not exist, and takes the next one."""


def checked(kinds: Kinds, rq_id: str, fields: Fields) -> dict[bytes, bytes]:
    """Return the fields of a job that may be read.

    Raises:
        Poison: it is not a call of a registered task as we queue it; the message gives the reason.
    """
    for name in FORBIDDEN:
        if fields.get(name.encode()) not in (None, b"", b"[]", b"null"):
            raise Poison(f"it has a {name}, which no task has")
    task = _task(kinds, rq_id, fields.get(b"data", b""))
    origin = fields.get(b"origin", b"").decode("latin1")
    if not task.may_wait_in(origin):
        raise Poison(f"its origin is {origin[:100]!r}, which is not the queue of {task.function}")
    for names, most in ((SECONDS, MAX_SECONDS), (COUNTS, MAX_COUNT)):
        for name in names:
            _check_number(name, fields.get(name.encode()), most)
    readable = {name.encode() for name in (*KEPT, *SECONDS, *COUNTS)}
    return {name: value for name, value in fields.items() if name in readable}


def check_size(connection: "redis.Redis", key: str) -> None:
    """Raise `Poison` when the key holds no hash, or one that is too large to fetch."""
    try:
        kind = connection.type(key)
        num_bytes = connection.memory_usage(key, samples=0) or 0
    except redis.ResponseError:  # an access list may forbid the command
        return
    if kind not in (b"hash", b"none"):
        raise Poison(f"its key holds a {kind!r}; expected a hash")
    if num_bytes > MAX_JOB_BYTES:
        raise Poison(f"it takes {num_bytes} bytes; expected at most {MAX_JOB_BYTES}")


def drop(connection: "redis.Redis", rq_id: str, reason: object) -> None:
    """Remove an entry and log it. If it was one of our jobs, overwritten, the reconciler queues it again."""
    log.error("poison job dropped", rq_id=rq_id, reason=str(reason)[:500])
    with connection.pipeline() as pipeline:
        pipeline.delete(Job.key_for(rq_id))
        for queue in QUEUE_NAMES:
            for key in _lists(queue):
                pipeline.lrem(key, 0, rq_id)
            for key in _sets(queue):
                pipeline.zrem(key, rq_id)
        pipeline.execute(raise_on_error=False)


def purge(connection: "redis.Redis") -> None:
    """Remove entries with unreadable ids, and keys that hold neither a queue nor a registry."""
    for queue in QUEUE_NAMES:
        for key in _lists(queue):
            if _is_kind(connection, key, b"list"):
                for entry in _unreadable(cast("list[bytes]", connection.lrange(key, 0, -1))):
                    log.error("poison entry dropped", key=key, entry=repr(entry[:100]))
                    connection.lrem(key, 0, cast("str", entry))  # Redis accepts bytes too
        for key in _sets(queue):
            if _is_kind(connection, key, b"zset"):
                entries = cast("list[bytes]", connection.zrange(key, 0, -1))
                for entry in _unreadable(entries, ":"):
                    log.error("poison entry dropped", key=key, entry=repr(entry[:100]))
                    connection.zrem(key, entry)


def is_readable(entry: bytes) -> bool:
    """Return whether an entry of a queue can be an id."""
    return RQ_ID.fullmatch(entry.decode("latin1")) is not None


def _unreadable(entries: Iterable[bytes], separator: str = "\0") -> list[bytes]:
    """Return the entries that are no ids. Entries of running jobs have two parts: the job's id and the execution's."""
    return [
        entry
        for entry in entries
        if entry.decode("latin1").count(separator) > 1
        or not all(is_readable(part) for part in entry.split(separator.encode()))
    ]


def _task(kinds: Kinds, rq_id: str, data: bytes) -> Task:
    """Return the task that the data calls. Raises `Poison` unless we would queue this call under this id."""
    try:
        function, instance, arguments, options = json.loads(_unpacked(data))
        (text,) = arguments
        argument = kinds.parse_argument(function, text)
        task, parsed = kinds.task_of(function), RqId.parse(rq_id)
    except (
        Exception
    ) as error:  # the data may be anything: no JSON, other shapes, unknown ids, deep nesting
        raise Poison(f"it is not the call of a task ({repr(error)[:300]})") from error
    is_plain = instance is None and not options and str(argument) == text
    if task is None or parsed is None or not is_plain:
        raise Poison(f"it is not a plain call of {function}")
    if task.rq_id(argument, parsed.number) != parsed:
        raise Poison(f"its id is not that of {function} for {text!r}")
    return task


def _unpacked(data: bytes) -> bytes:
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(data, MAX_DATA_BYTES + 1)
    except zlib.error:
        unpacked = data
    if len(unpacked) > MAX_DATA_BYTES:
        raise Poison(f"its call has more than {MAX_DATA_BYTES} bytes")
    return unpacked


def _check_number(name: str, value: bytes | None, most: int) -> None:
    """Raise `Poison` for a value that is no number or too large: RQ checks neither, and would fail later."""
    if value is None or value == b"":
        return
    if not re.fullmatch(rb"[0-9]{1,8}", value) or int(value) > most:
        raise Poison(f"its {name} is {value[:30]!r}; expected a number up to {most}")


def _is_kind(connection: "redis.Redis", key: str, kind: bytes) -> bool:
    """Return whether a key holds the expected Redis type, `list` or `zset`. Delete a key of another type."""
    actual = connection.type(key)
    if actual not in (kind, b"none"):
        log.error("poison key deleted", key=key, kind=actual)
        connection.delete(key)
    return actual == kind


def _lists(queue: QueueName) -> tuple[str, str]:
    key = f"{Queue.redis_queue_namespace_prefix}{queue}"
    return key, IntermediateQueue.get_intermediate_queue_key(key)


def _sets(queue: QueueName) -> tuple[str, ...]:
    kinds = StartedJobRegistry, ScheduledJobRegistry, FailedJobRegistry
    return tuple(kind.key_template.format(queue) for kind in kinds)
