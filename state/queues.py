"""The queues: `Call` is one entry; a function for each task builds its calls, and `put` adds a call to RQ.

`contracts/kinds.py` has the table of tasks. Work waits in the admission first (`state/admission`), which calls `put`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import redis
from rq import Queue, Retry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.registry import ScheduledJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from contracts.base import now
from contracts.exports import ExportRef
from contracts.generators.sheets import SheetRef
from contracts.ids import RqId
from contracts.jobs import JobRef, Request, ShardRef
from contracts.kinds import (
    EXPORT,
    PILOT,
    SHARD,
    SHEET,
    STREAM_SHARD,
    Argument,
    Kinds,
    QueueName,
    Task,
)
from contracts.streams import StreamShardRef

FAILURES_KEPT = timedelta(days=1)
"""How long Redis keeps a failed entry with its traceback, for people: the manifest has the facts."""


@dataclass(frozen=True)
class Load:
    """The entries of a queue, and for how long the first one has waited, in seconds."""

    waiting: int
    running: int
    oldest_seconds: float


@dataclass(frozen=True)
class Call:
    """One entry of a queue: the task, its argument as text, the queue, and the id of the entry."""

    task: Task
    argument: str
    queue: QueueName
    rq_id: str


def open_queue(connection: "redis.Redis", name: QueueName) -> Queue:
    """Return a queue with the JSON serializer. With RQ's default, pickle, a client of Redis could run code here."""
    return Queue(name, connection=connection, serializer=JSONSerializer)


def load(connection: "redis.Redis", name: QueueName) -> Load:
    """Return the load of a queue; its cost does not depend on the number of entries. Retries count as waiting."""
    queue = open_queue(connection, name)
    retries = ScheduledJobRegistry(queue=queue).get_job_count(cleanup=False)
    running = StartedJobRegistry(queue=queue).get_job_count(cleanup=False)
    return Load(queue.count + retries, running, _waited_seconds(connection, queue))


def _waited_seconds(connection: "redis.Redis", queue: Queue) -> float:
    for first in queue.get_job_ids(0, 1):
        enqueued = cast("bytes | None", connection.hget(Job.key_for(first), "enqueued_at"))
        if enqueued:
            return max(0.0, (now() - datetime.fromisoformat(enqueued.decode())).total_seconds())
    return 0.0


def put(connection: "redis.Redis", call: Call) -> None:
    """Add a call to the end of its queue, with the task's retries, timeout and TTL.

    RQ deletes it as soon as it has succeeded: kept for days, finished calls would fill Redis (7 kB each).
    """
    task = call.task
    ttl = int(task.ttl.total_seconds())
    intervals = [int(interval.total_seconds()) for interval in task.retry_after]
    open_queue(connection, call.queue).enqueue_call(
        func=task.function,
        args=(call.argument,),
        job_id=call.rq_id,
        timeout=int(task.timeout.total_seconds()),
        ttl=ttl,
        result_ttl=0,
        failure_ttl=int(FAILURES_KEPT.total_seconds()),
        description=call.argument,
        retry=Retry(max=len(intervals), interval=intervals),
    )


@dataclass(frozen=True)
class QueueLists:
    """RQ's names for the entries of a queue: a list of the waiting ones, one of popped ones, the running ones."""

    waiting: str
    popped: str
    running: str


def lists_of(name: QueueName) -> QueueLists:
    """Return the names of RQ's keys for a queue."""
    waiting = f"{Queue.redis_queue_namespace_prefix}{name}"
    popped = IntermediateQueue.get_intermediate_queue_key(waiting)
    return QueueLists(waiting, popped, StartedJobRegistry.key_template.format(name))


def is_added(connection: "redis.Redis", rq_id: str) -> bool:
    """Return whether RQ has or had an entry. RQ writes its data and its place in the queue in one step."""
    return bool(connection.exists(Job.key_for(rq_id)))


def withdraw(connection: "redis.Redis", name: QueueName, owner: str) -> set[RqId]:
    """Take the entries of a job that wait in RQ, for their turn or for a retry, out of a queue. Returns them."""
    queue = open_queue(connection, name)
    retries = ScheduledJobRegistry(queue=queue)
    withdrawn = set()
    for text in (*queue.get_job_ids(), *retries.get_job_ids(cleanup=False)):
        rq_id = RqId.parse(text)
        if rq_id is None or rq_id.owner != owner:
            continue
        if connection.lrem(queue.key, 0, text) or connection.zrem(retries.key, text):
            connection.delete(Job.key_for(text))
            withdrawn.add(rq_id)
    return withdrawn


def job_call(kinds: Kinds, request: Request, attempt: int) -> Call:
    """Return the call that does a whole job."""
    return _call(kinds.of(request.ref).task_for(request), request.ref, attempt, request)


def pilot_call(batch: JobRef, attempt: int) -> Call:
    """Return the call that measures the fit's uncertainty at the batch's truncation, then queues the shards."""
    return _call(PILOT, batch, attempt)


def shard_call(shard: ShardRef, attempt: int) -> Call:
    """Return the call that renders one shard."""
    return _call(SHARD, shard, attempt)


def stream_call(shard: StreamShardRef, number: int) -> Call:
    """Return the call that renders one shard of a stream."""
    return _call(STREAM_SHARD, shard, number)


def export_call(export: ExportRef, attempt: int) -> Call:
    """Return the call that makes one export of a batch."""
    return _call(EXPORT, export, attempt)


def sheet_call(sheet: SheetRef, number: int) -> Call:
    """Return the call that draws one sheet of a generator."""
    return _call(SHEET, sheet, number)


def _call(task: Task, argument: Argument, number: int, request: Request | None = None) -> Call:
    rq_id = str(task.rq_id(argument, number))
    return Call(task, str(argument), task.queue_for(request), rq_id)
