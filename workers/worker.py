"""Our RQ worker: one queue, one process, no fork; networks stay warm between jobs.

RQ's `SimpleWorker` runs jobs in the process but sends no heartbeat meanwhile, so a long job is taken for lost and run
twice; and a second SIGTERM fails the running job. Both are mended here (docs/decisions/0002).
"""

import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

import structlog
import torch
from redis.exceptions import RedisError
from rq import Queue, Retry, SimpleWorker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from contracts.heartbeats import Heartbeat, WorkerState
from contracts.queues import TASKS, QueueName
from contracts.shapes import now
from workers import exports, streams
from workers.jobs import fail_for_good
from workers.machine import Machine
from workers.pulse import Drained, repeating, show_life

log = structlog.get_logger()

TASK_FUNCTIONS = frozenset(plan.function for plan in TASKS.values())
MAX_DRAINS = 1_000_000
"""RQ counts every return to the queue; being drained says nothing against a job, so the limit is out of reach."""
DEQUEUE_SECONDS = 15
"""RQ waits `worker_ttl - 15` seconds for a job before it looks around (maintenance, reconnection)."""


class MachineJob(Job):
    """An RQ job whose function is handed this process's machine, and must be one of the table in `contracts/queues.py`.

    Without that check, whoever can write Redis could have any importable function called.
    """

    machine: Machine

    def perform(self) -> Retry | None:
        """Run the job. Returns a `Retry` when the worker was asked to stop first: back to the queue's front."""
        if self.func_name not in TASK_FUNCTIONS:
            raise PermissionError(
                f"'{self.func_name}' is not a task of ours; see contracts/queues.py"
            )
        module, _, name = self.func_name.rpartition(".")
        run: Callable[[Machine, str, int], None] = getattr(import_module(module), name)
        try:
            run(self.machine, self.args[0], self._attempt())
        except Drained:
            return Retry(max=MAX_DRAINS, enqueue_at_front=True)
        return None

    def _attempt(self) -> int:
        """How often this has been tried, this time included: the number in the id, plus RQ's own retries so far."""
        lives = len(self.retry_intervals or ())
        return int(self.id.rpartition("-")[2]) + lives - (self.retries_left or 0)


def end_after_last_retry(machine: Machine, job: Job, error: BaseException) -> None:
    """Writes the manifest of a job that has failed and will not be retried; RQ itself only forgets it.

    A shard of a stream and an export have no manifest: whoever waits for them is told.
    """
    if job.should_retry or job.func_name not in TASK_FUNCTIONS:
        return
    fail = _FAIL_OF_FUNCTION.get(job.func_name, fail_for_good)
    fail(machine, job.args[0], error)


_FAIL_OF_FUNCTION = {
    TASKS["stream"].function: streams.fail_for_good,
    TASKS["export"].function: exports.fail_for_good,
}


class Worker(SimpleWorker):
    """Takes jobs from one queue until it is asked to stop."""

    job_class = MachineJob

    def __init__(self, queue: QueueName, machine: Machine) -> None:
        super().__init__(
            [queue],
            name=f"{queue}-{socket.gethostname().partition('.')[0]}-{uuid.uuid4().hex[:8]}",
            connection=machine.redis,
            serializer=JSONSerializer,
            exception_handlers=[self._note_failure],
            worker_ttl=DEQUEUE_SECONDS + 15,
            log_job_description=False,
        )
        self._queue_name = queue
        self._machine = machine
        self._running: tuple[Job, Execution] | None = None

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, showing a sign of life the whole time."""
        self.send_heartbeat()
        with repeating(self._machine.settings.heartbeat_interval, self.send_heartbeat):
            self.work(logging_level="WARNING")
        self._machine.ledger.leave(self.name)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job in this process, its execution kept alive and its silence watched."""
        assert isinstance(job, MachineJob)
        job.machine = self._machine
        execution = self.prepare_execution(job)
        with (
            self._kept_alive(job, execution),
            self._machine.pulse.watched(self._machine.settings.watchdog),
        ):
            self.perform_job(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds after which a silent worker's job is taken for lost, however long the job may take."""
        return int(self._machine.settings.heartbeat_fresh.total_seconds())

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT, once or many times: the running job stops at its next step, and no other is taken.

        Unlike RQ's, a second signal changes nothing; SIGKILL is there for those who cannot wait.
        """
        if self._stop_requested:
            return
        self._stop_requested = True
        self._machine.pulse.drain()
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested  # out of the blocking wait for the next job

    @contextmanager
    def _kept_alive(self, job: Job, execution: Execution) -> Iterator[None]:
        self._running = job, execution
        try:
            yield
        finally:
            self._running = None

    def send_heartbeat(self) -> None:
        """Runs on a thread of its own. Redis may be away for a while; the next beat tries again."""
        running = self._running
        try:
            if running is not None:
                self.maintain_heartbeats(*running)
            self._machine.ledger.beat(self._heartbeat(running[0] if running else None))
            show_life(self._machine.settings.alive_path)
        except RedisError as error:
            log.warning("no heartbeat sent", error=str(error))

    def _heartbeat(self, job: Job | None) -> Heartbeat:
        state: WorkerState = "idle" if job is None else "busy"
        return Heartbeat(
            worker=self.name,
            queue=self._queue_name,
            state="draining" if self._machine.pulse.is_draining else state,
            at=now(),
            device=str(self._machine.device),
            job=job.args[0] if job else None,
        )

    def _note_failure(self, job: Job, _kind: type, error: BaseException, _trace: object) -> bool:
        """Called by RQ for every exception that leaves a job, before it decides on a retry."""
        end_after_last_retry(self._machine, job, error)
        if isinstance(error, torch.AcceleratorError):
            # The accelerator's context is broken for good; a fresh process gets a fresh one.
            self._stop_requested = True
        return True
