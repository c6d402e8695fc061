"""RQ's jobs and queues, restricted to the tasks of `contracts/kinds.py`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self, cast

import redis
import structlog
from rq import Queue, Retry
from rq.executions import Execution, ExecutionRegistry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.serializers import JSONSerializer

from contracts.accounts.usage import Usage
from contracts.errors.tree import StoreUnavailable
from contracts.ids import RqId
from contracts.jobs import JobRef, StoredRequest
from contracts.kinds import Kinds
from contracts.streams import StreamRef
from state import keys, records
from state.capacity.patience import StorePatience, is_trouble_of_the_store
from state.process.tracing import add_past_span, is_tracing, span
from workers.runtime.functions import import_function
from workers.runtime.machine import Machine
from workers.runtime.poison import Poison, check_size, checked, drop, is_readable
from workers.runtime.pulse import Drained

log = structlog.get_logger()

MAX_RETURNS = 1_000_000
"""RQ counts every return to the queue. Such a job has not failed, so the limit is out of reach."""


class MachineJob(Job):
    """An RQ job of a registered task. Its function gets this process's machine.

    Redis data is checked before it is read (`workers/runtime/poison.py`): RQ would run callbacks by name.
    """

    kinds: ClassVar[Kinds]
    machine: Machine

    @classmethod
    def fetch(
        cls,
        id: str,  # noqa: A002 - RQ's name
        connection: "redis.Redis | None" = None,
        serializer: type[JSONSerializer] | None = None,
    ) -> Self:
        """Return the job of this id. Poison is dropped, and raised as `NoSuchJobError`."""
        assert connection is not None
        try:
            job = super().fetch(id, connection=connection, serializer=serializer)
        except Poison as poison:
            drop(connection, id, poison)
            raise
        assert isinstance(job, cls)
        return job

    def refresh(self) -> None:
        """Read the job from Redis, after a check of its size."""
        check_size(self.connection, self.key)
        super().refresh()  # type: ignore[no-untyped-call]

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Take the fields from Redis. Raises `Poison` when they are not those of a registered task."""
        fields = checked(self.kinds, self.id, raw_data)
        try:
            super().restore(fields)
        except Exception as error:  # a date, a status or a list that RQ cannot parse
            raise Poison(f"RQ cannot read it ({repr(error)[:300]})") from error

    def perform(self) -> Retry | None:
        """Run the job. Returns a `Retry` when the job returns to its queue without a failed attempt.

        The worker was asked to stop: at once, to the front. The store failed: after a wait.
        """
        task = self.kinds.task_of(self.func_name)
        if task is None:
            raise PermissionError(
                f"expected the function of a task in contracts/kinds.py, got {self.func_name!r}"
            )
        run, machine = import_function(task.function), self.machine
        call = f"{task.part}:{self.args[0]}"
        patience = StorePatience(machine.ledger, machine.settings.store_patience)
        try:
            if patience.has_waited(call):
                machine.store.put(keys.PROBE, b"{}")  # a store that is still full costs no work
            with self._metered(), self._traced():
                run(machine, self.args[0], self._attempt())
        except Drained:
            return Retry(max=MAX_RETURNS, enqueue_at_front=True)
        except (StoreUnavailable, OSError) as error:
            wait = patience.next_wait(call) if is_trouble_of_the_store(error) else None
            if wait is None:
                raise
            seconds = int(wait.total_seconds())
            log.warning("waits for the store", rq_id=self.id, seconds=seconds, error=str(error))
            return Retry(max=MAX_RETURNS, interval=seconds)
        patience.forget(call)
        return None

    @contextmanager
    def _metered(self) -> Iterator[None]:
        """Count the seconds of the block for the job's tenant, also if it fails, and note its usage in the store."""
        began, machine = time.monotonic(), self.machine
        structlog.contextvars.clear_contextvars()  # the origin of the entry before
        try:
            yield
        finally:
            seconds = {machine.device_class: round(time.monotonic() - began, 3)}
            tenant = JobRef.of_argument(self.args[0]).tenant
            machine.usage.add(tenant, Usage(device_seconds=seconds))
            machine.usage.store(machine.store)

    @contextmanager
    def _traced(self) -> Iterator[None]:
        """Continue the trace of the request that caused this entry: its waits, and a span around the block."""
        if not is_tracing():
            yield
            return
        function, text = str(self.func_name), str(self.args[0])
        owner = self.kinds.parse_argument(function, text).owner
        key = (
            keys.stream_request(owner) if isinstance(owner, StreamRef) else keys.job_request(owner)
        )
        request = records.read(self.machine.store, key, StoredRequest)
        origin = request.origin if request else None
        parent = origin.traceparent if origin else None
        attributes: dict[str, str | int] = {
            "handsoff.entry": text,
            "handsoff.attempt": self._attempt(),
        }
        with span(function, parent=parent, attributes=attributes):
            queued_at = (self.enqueued_at or self.created_at).timestamp()
            if request and isinstance(owner, JobRef) and self._attempt() == 1:
                add_past_span("admission", request.created_at.timestamp(), queued_at, parent=parent)
            add_past_span("queue", queued_at, parent=parent)
            yield

    @property
    def execution_registry(self) -> ExecutionRegistry:
        """The runs of this job."""
        return Executions(self.id, self.connection)

    def forget_dependents(self) -> None:
        """Delete the list of jobs that wait for this one. Ours have none, and RQ would queue any job of the list."""
        self.connection.delete(self.dependents_key)

    def _attempt(self) -> int:
        """Return the number of this attempt: the number in the id, plus RQ's own retries so far."""
        rq_id = RqId.parse(self.id)
        assert rq_id is not None, self.id  # `checked` compared it
        return rq_id.number + len(self.retry_intervals or ()) - (self.retries_left or 0)


class Executions(ExecutionRegistry):
    """The runs of a job, also that of a killed worker.

    For a minute after the end of its heartbeats, Redis has only the id of such a run. RQ raises `ValueError` then,
    when it deletes the finished job: the run that succeeded would count as failed.
    """

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:
        """Return the runs by their ids. Deleting them needs no more."""
        ids = self.get_execution_ids(start, end)
        return [Execution(each, self.job_id, self.connection) for each in ids]


class TaskQueue(Queue):
    """A queue that skips entries that are not ids."""

    job_class = MachineJob

    @classmethod
    def lmove(
        cls, connection: "redis.Redis", queue_key: str, timeout: int | None
    ) -> tuple[str, bytes] | None:
        """Move the next entry to the intermediate list and return it; None when there is none."""
        while (moved := super().lmove(connection, queue_key, timeout)) is not None:
            key, entry = moved
            if is_readable(entry):
                return key, entry
            drop(connection, repr(entry[:100]), "its id cannot be read")
            _forget_popped(connection, queue_key, entry)
        return None

    @classmethod
    def _fetch_dequeued_job(  # type: ignore[override] # the options are passed on
        cls,
        connection: "redis.Redis",
        queue_key: str,
        job_id: str,
        **options: Any,  # noqa: ANN401
    ) -> tuple[Job, Queue] | None:
        """Return the job of a popped entry. When there is none, remove the entry and return None."""
        fetched = super()._fetch_dequeued_job(connection, queue_key, job_id, **options)
        if fetched is None:
            _forget_popped(connection, queue_key, job_id)
        return fetched


def job_class_of(kinds: Kinds) -> type[MachineJob]:
    """Return a job class that may run the tasks of these kinds. RQ builds jobs from a class, so it holds them."""
    return type("MachineJob", (MachineJob,), {"kinds": kinds})


def queue_class_of(jobs: type[MachineJob]) -> type[TaskQueue]:
    """Return a class of queues with jobs of this class."""
    return type("TaskQueue", (TaskQueue,), {"job_class": jobs})


def _forget_popped(connection: "redis.Redis", queue_key: str, entry: str | bytes) -> None:
    connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 0, cast("str", entry))
