"""Our RQ worker: one queue, one process, no fork; networks stay warm between jobs.

RQ's `SimpleWorker` runs jobs in its process and sends no heartbeat during a job, so a long job counts as lost and runs
twice. A second SIGTERM fails the running job. Both are fixed here (docs/decisions/0002).
"""

import resource
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog
import torch
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from contracts.base import now
from contracts.heartbeats import Heartbeat, WorkerState
from contracts.kinds import QueueName
from workers.runtime.functions import import_function
from workers.runtime.machine import Machine
from workers.runtime.machine_jobs import MachineJob, job_class_of, queue_class_of
from workers.runtime.poison import drop, purge
from workers.runtime.pulse import repeating, show_life

log = structlog.get_logger()

DEQUEUE_SECONDS = 15
"""RQ waits `worker_ttl - 15` seconds for a job before its maintenance and reconnection."""


def end_after_last_retry(machine: Machine, job: Job, error: BaseException) -> None:
    """Record the failure of a job that will not be retried, with `on_failure` of its task; RQ only forgets it.

    Never raises: an exception here would end the worker, and the job would return and end the next worker. The
    reconciler ends or repeats such a job.
    """
    try:
        task = machine.kinds.task_of(job.func_name)
        if job.should_retry or task is None:
            return
        import_function(task.on_failure)(machine, job.args[0], error)
    except Exception:
        log.exception("a failure could not be recorded", rq_id=job.id)


def resident_bytes() -> int:
    """Return the memory of this process that is not swapped out (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Worker(SimpleWorker):
    """Takes jobs from one queue until it is asked to stop."""

    def __init__(self, queue: QueueName, machine: Machine) -> None:
        jobs = job_class_of(machine.kinds)
        super().__init__(
            [queue],
            name=f"{queue}-{socket.gethostname().partition('.')[0]}-{uuid.uuid4().hex[:8]}",
            connection=machine.redis,
            serializer=JSONSerializer,
            job_class=jobs,
            queue_class=queue_class_of(jobs),
            exception_handlers=[self._note_failure],
            worker_ttl=DEQUEUE_SECONDS + 15,
            log_job_description=False,
        )
        self._queue_name = queue
        self._machine = machine
        self._num_jobs = 0
        self._running: tuple[Job, Execution] | None = None

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, and send heartbeats the whole time."""
        self.send_heartbeat()
        self._pump()
        with repeating(self._machine.settings.heartbeat_interval, self.send_heartbeat):
            self.work(logging_level="WARNING")
        self._machine.ledger.remove_worker(self.name)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job in this process, with heartbeats and the watchdog.

        A job that makes RQ itself fail is dropped: otherwise it would end the worker and return. If it was one of
        ours, the reconciler queues it again.
        """
        assert isinstance(job, MachineJob)
        job.machine = self._machine
        try:
            self._execute(job, queue)
        except (RedisConnectionError, RedisTimeoutError):
            raise
        except Exception as error:
            log.exception("a job could not be run", rq_id=job.id)
            drop(self.connection, job.id, repr(error))
        self._pump()
        self.set_state(WorkerStatus.IDLE)
        self._stop_if_worn()

    def _pump(self) -> None:
        """Let the next entries into the queue. When Redis cannot be reached, the next heartbeat tries again."""
        try:
            self._machine.admission.pump(self._queue_name)
        except RedisError as error:
            log.warning("no entry handed over", error=str(error))

    def _execute(self, job: MachineJob, queue: Queue) -> None:
        job.forget_dependents()
        execution = self.prepare_execution(job)
        with (
            self._kept_alive(job, execution),
            self._machine.pulse.watched(self._machine.settings.watchdog),
        ):
            began = time.monotonic()
            is_whole = self.perform_job(job, queue, execution) and not self._stop_requested
            self._note_cost(job, time.monotonic() - began, is_whole=is_whole)

    def _note_cost(self, job: MachineJob, seconds: float, *, is_whole: bool) -> None:
        task, admission = self._machine.kinds.task_of(job.func_name), self._machine.admission
        with suppress(RedisError):  # decides the order only
            admission.correct(self._queue_name, job.id, seconds)
            if is_whole and task is not None:
                admission.costs.note_entry(task, seconds)

    def run_maintenance_tasks(self) -> None:
        """Remove the entries that RQ cannot read, then clean RQ's registries."""
        purge(self.connection)
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except (RedisConnectionError, RedisTimeoutError):
            raise
        except Exception:
            log.exception("maintenance of the queue failed")

    def subscribe(self) -> None:
        """Ignore commands from Redis: with RQ's, anyone who can publish there could stop workers and jobs."""

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Return the seconds after which the job of a silent worker counts as lost, however long the job is."""
        return int(self._machine.settings.heartbeat_fresh.total_seconds())

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM and SIGINT: the running job stops at its next step, and the worker takes no other.

        Unlike in RQ, a second signal changes nothing. SIGKILL ends the process at once.
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

    def _stop_if_worn(self) -> None:
        """Stop after the number of jobs or at the memory in the settings: leaks must not grow for ever."""
        settings, self._num_jobs = self._machine.settings, self._num_jobs + 1
        most_jobs, most_bytes = settings.max_jobs_per_worker, settings.max_worker_bytes
        memory = resident_bytes() if most_bytes else 0
        if (most_jobs and self._num_jobs >= most_jobs) or (most_bytes and memory > most_bytes):
            log.info("worker ends to be started again", jobs=self._num_jobs, memory_bytes=memory)
            self._stop_requested = True

    def send_heartbeat(self) -> None:
        """Send one heartbeat. When Redis cannot be reached, the next heartbeat tries again."""
        running = self._running
        try:
            if running is not None:
                self.maintain_heartbeats(*running)
            self._machine.ledger.record_heartbeat(self._heartbeat(running[0] if running else None))
            show_life(self._machine.settings.alive_path)
            self._pump()  # a process may have died before it did so
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
        """Record a failure. RQ calls this for every exception that leaves a job, before it decides on a retry."""
        end_after_last_retry(self._machine, job, error)
        if isinstance(error, torch.AcceleratorError):
            # The accelerator's context stays broken in this process; a new process gets a new one.
            self._stop_requested = True
        return True
