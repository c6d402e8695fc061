"""What Redis says of a queued job, looked over before anything is done with it.

Whoever can write Redis can write any job: a function of their choice, a callback, a payload of a gigabyte, numbers that
are none. One such job must not run, must not end the worker, and must not come back: it is dropped and logged.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import redis
import structlog
from rq.exceptions import NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.queue import Queue
from rq.registry import FailedJobRegistry, ScheduledJobRegistry, StartedJobRegistry

from contracts.exports import ExportRef
from contracts.jobs import JobRef, ShardRef
from contracts.kinds import QUEUE_NAMES, QueueName
from contracts.streams import StreamShardRef
from state.queues import (
    TASKS,
    Call,
    Task,
    export_call,
    job_call,
    pilot_call,
    shard_call,
    stream_call,
)

log = structlog.get_logger()

MAX_JOB_BYTES = 1_000_000
"""Of all that Redis keeps of one job. Ours take about 1,000."""
MAX_DATA_BYTES = 10_000
"""Of the call itself, unpacked. Ours take 100."""
MAX_SECONDS = 60 * 60 * 24 * 30
MAX_COUNT = 10_000_000

RQ_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")

FORBIDDEN = (
    *("success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks"),
    *("dependency_id", "dependency_ids", "group_id", "repeats_left", "repeat_intervals"),
    *("rate_limit_key", "rate_limit_concurrency"),
)
"""What RQ would act upon and none of our jobs has. Callbacks name functions, webhooks addresses."""

KEPT = (
    *("data", "origin", "description", "status", "worker_name", "enqueue_at_front"),
    *("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"),
    *("enqueue_at_front_on_retry", "retry_intervals"),
)
SECONDS = ("timeout", "ttl", "result_ttl", "failure_ttl")
COUNTS = ("number_of_retries", "retries_left")
"""What is read of a job. The rest is left in Redis: results and tracebacks may unpack to anything."""

Fields = Mapping[bytes, bytes]


class Poison(NoSuchJobError):
    """The entry is no job of ours. To RQ it is one that does not exist, so it goes on with the next."""


CALLS: Mapping[Task, Callable[[str, int], Call]] = {
    "import": lambda text, number: job_call(JobRef.parse(text), number),
    "inverter": lambda text, number: job_call(JobRef.parse(text), number),
    "fit": lambda text, number: job_call(JobRef.parse(text), number),
    "pilot": lambda text, number: pilot_call(JobRef.parse(text), number),
    "shard": lambda text, number: shard_call(ShardRef.parse(text), number),
    "stream": lambda text, number: stream_call(StreamShardRef.parse(text), number),
    "export": lambda text, number: export_call(ExportRef.parse(text), number),
}
"""Makes the call that an entry should be, from its argument and the number in its id."""

TASK_OF_FUNCTION: Mapping[object, Task] = {plan.function: task for task, plan in TASKS.items()}


def checked(rq_id: str, fields: Fields) -> dict[bytes, bytes]:
    """The fields of a job that may be read, when it is one that the app or a worker has queued.

    Raises:
        Poison: it is not; the message says what is wrong.
    """
    for name in FORBIDDEN:
        if fields.get(name.encode()) not in (None, b"", b"[]", b"null"):
            raise Poison(f"it has a {name}, which no task has")
    call = _call(rq_id, fields.get(b"data", b""))
    if fields.get(b"origin") != call.plan.queue.encode():
        raise Poison(f"its origin is not the queue {call.plan.queue!r}")
    for names, most in ((SECONDS, MAX_SECONDS), (COUNTS, MAX_COUNT)):
        for name in names:
            _check_number(name, fields.get(name.encode()), most)
    wanted = {name.encode() for name in (*KEPT, *SECONDS, *COUNTS)}
    return {name: value for name, value in fields.items() if name in wanted}


def check_size(connection: "redis.Redis", key: str) -> None:
    """Refuse what is no hash, or one too large to be fetched."""
    try:
        kind = connection.type(key)
        num_bytes = connection.memory_usage(key, samples=0) or 0
    except redis.ResponseError:  # an access list may forbid it
        return
    if kind not in (b"hash", b"none"):
        raise Poison(f"its key holds a {kind!r}; expected a hash")
    if num_bytes > MAX_JOB_BYTES:
        raise Poison(f"it takes {num_bytes} bytes; expected at most {MAX_JOB_BYTES}")


def drop(connection: "redis.Redis", rq_id: str, reason: object) -> None:
    """Forget an entry and log it. A job of ours that was overwritten is queued again by the reconciler."""
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
    """Remove entries with ids that cannot be read, and keys that hold something else than a queue or a registry."""
    for queue in QUEUE_NAMES:
        for key in _lists(queue):
            if _is_kind(connection, key, b"list"):
                for entry in _unreadable(cast("list[bytes]", connection.lrange(key, 0, -1))):
                    log.error("poison entry dropped", key=key, entry=repr(entry[:100]))
                    connection.lrem(key, 0, cast("str", entry))  # bytes do too
        for key in _sets(queue):
            if _is_kind(connection, key, b"zset"):
                entries = cast("list[bytes]", connection.zrange(key, 0, -1))
                for entry in _unreadable(entries, ":"):
                    log.error("poison entry dropped", key=key, entry=repr(entry[:100]))
                    connection.zrem(key, entry)


def is_readable(entry: bytes) -> bool:
    """Whether an entry of a queue can be an id."""
    return RQ_ID.fullmatch(entry.decode("latin1")) is not None


def _unreadable(entries: Iterable[bytes], parted_by: str = "\0") -> list[bytes]:
    """Registries of running jobs have entries of two parts: the job's id and the execution's."""
    return [
        entry
        for entry in entries
        if entry.decode("latin1").count(parted_by) > 1
        or not all(is_readable(part) for part in entry.split(parted_by.encode()))
    ]


def _call(rq_id: str, data: bytes) -> Call:
    """The call that the data describe. Raises `Poison` unless it is one that we would queue under this id."""
    try:
        function, instance, arguments, options = json.loads(_unpacked(data))
        (argument,) = arguments
        number = int(rq_id.rpartition("-")[2])
        call = CALLS[TASK_OF_FUNCTION[function]](argument, number)
    except Exception as error:  # whatever came: JSON, shapes, references, recursion
        raise Poison(f"it is not the call of a task ({repr(error)[:300]})") from error
    if instance is not None or options or call.plan.function != function or call.rq_id != rq_id:
        raise Poison(f"its id is not that of {function} for {argument!r}")
    return call


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
    """RQ takes numbers as they are: one that is none, or too large, fails somewhere in the middle of its work."""
    if value is None or value == b"":
        return
    if not re.fullmatch(rb"[0-9]{1,8}", value) or int(value) > most:
        raise Poison(f"its {name} is {value[:30]!r}; expected a number up to {most}")


def _is_kind(connection: "redis.Redis", key: str, kind: bytes) -> bool:
    """Whether a key may be read as a list or a sorted set; one of another kind is deleted, for nothing else can be."""
    found = connection.type(key)
    if found not in (kind, b"none"):
        log.error("poison key deleted", key=key, kind=found)
        connection.delete(key)
    return found == kind


def _lists(queue: QueueName) -> tuple[str, str]:
    key = f"{Queue.redis_queue_namespace_prefix}{queue}"
    return key, IntermediateQueue.get_intermediate_queue_key(key)


def _sets(queue: QueueName) -> tuple[str, ...]:
    kinds = StartedJobRegistry, ScheduledJobRegistry, FailedJobRegistry
    return tuple(kind.key_template.format(queue) for kind in kinds)
