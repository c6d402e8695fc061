"""RQ's jobs and queues as our workers read them: nothing runs but the tasks of `state/queues.py`."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Self, cast

import redis
from rq import Queue, Retry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.serializers import JSONSerializer

from state.queues import TASKS
from workers.runtime.machine import Machine
from workers.runtime.poison import Poison, check_size, checked, drop, is_readable
from workers.runtime.pulse import Drained

TASK_FUNCTIONS = frozenset(plan.function for plan in TASKS.values())
MAX_DRAINS = 1_000_000
"""RQ counts every return to the queue; being drained says nothing against a job, so the limit is out of reach."""


class MachineJob(Job):
    """An RQ job whose function is handed this process's machine, and must be one of the table in `state/queues.py`.

    Redis data is checked before it is read (`workers/runtime/poison.py`): RQ would run callbacks by name.
    """

    machine: Machine

    @classmethod
    def fetch(
        cls,
        id: str,  # noqa: A002 - RQ's name
        connection: "redis.Redis | None" = None,
        serializer: type[JSONSerializer] | None = None,
    ) -> Self:
        """The job of this id. One that is poison is dropped, and raised as one that does not exist."""
        assert connection is not None
        try:
            job = super().fetch(id, connection=connection, serializer=serializer)
        except Poison as poison:
            drop(connection, id, poison)
            raise
        assert isinstance(job, cls)
        return job

    def refresh(self) -> None:
        """Read the job from Redis, after a look at its size."""
        check_size(self.connection, self.key)
        super().refresh()  # type: ignore[no-untyped-call]

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Take over what Redis has of the job. Raises `Poison` when it is none of ours."""
        fields = checked(self.id, raw_data)
        try:
            super().restore(fields)
        except Exception as error:  # dates, statuses, lists: whatever RQ cannot read
            raise Poison(f"RQ cannot read it ({repr(error)[:300]})") from error

    def perform(self) -> Retry | None:
        """Run the job. Returns a `Retry` when the worker was asked to stop first: back to the queue's front."""
        if self.func_name not in TASK_FUNCTIONS:
            raise PermissionError(f"{self.func_name!r} is no task; see state/queues.py")
        module, _, name = self.func_name.rpartition(".")
        run: Callable[[Machine, str, int], None] = getattr(import_module(module), name)
        try:
            run(self.machine, self.args[0], self._attempt())
        except Drained:
            return Retry(max=MAX_DRAINS, enqueue_at_front=True)
        return None

    def forget_dependents(self) -> None:
        """None of our jobs has jobs that wait for it: RQ would queue what Redis names here."""
        self.connection.delete(self.dependents_key)

    def _attempt(self) -> int:
        """How often this has been tried, this time included: the number in the id, plus RQ's own retries so far."""
        lives = len(self.retry_intervals or ())
        return int(self.id.rpartition("-")[2]) + lives - (self.retries_left or 0)


class TaskQueue(Queue):
    """A queue that passes over entries that are no ids."""

    job_class = MachineJob

    @classmethod
    def lmove(
        cls, connection: "redis.Redis", queue_key: str, timeout: int | None
    ) -> tuple[str, bytes] | None:
        """The next entry, moved to the intermediate list; None when there is none."""
        while (moved := super().lmove(connection, queue_key, timeout)) is not None:
            key, entry = moved
            if is_readable(entry):
                return key, entry
            drop(connection, repr(entry[:100]), "its id cannot be read")
            _forget_popped(connection, queue_key, entry)
        return None

    @classmethod
    def _fetch_dequeued_job(  # type: ignore[override] # its options are handed on
        cls,
        connection: "redis.Redis",
        queue_key: str,
        job_id: str,
        **options: Any,  # noqa: ANN401
    ) -> tuple[Job, Queue] | None:
        """The job of a popped entry; None when there is none, and then the entry is gone too."""
        fetched = super()._fetch_dequeued_job(connection, queue_key, job_id, **options)
        if fetched is None:
            _forget_popped(connection, queue_key, job_id)
        return fetched


def _forget_popped(connection: "redis.Redis", queue_key: str, entry: str | bytes) -> None:
    connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 0, cast("str", entry))
