"""The one table of queued work: task -> queue, dotted worker function, timeout, retries.

Plain data; RQ is not imported here. The app and the workers turn a `Call` into an RQ job, each with
its own few lines, and both from this table.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from contracts.exports import ExportRef
from contracts.jobs import JobKind, JobRef, ShardRef
from contracts.kinds import QueueName
from contracts.streams import StreamShardRef

Task = Literal["import", "inverter", "fit", "pilot", "shard", "stream", "export"]

RETENTION = timedelta(days=7)
"""How long Redis keeps what it knows of a job, ours and RQ's alike, so neither outlives the other."""


@dataclass(frozen=True)
class TaskPlan:
    """How one kind of work is queued. `retry_after` is the wait before each further try; Redis keeps it for `kept`."""

    queue: QueueName
    function: str
    timeout: timedelta
    retry_after: tuple[timedelta, ...] = (timedelta(seconds=10), timedelta(seconds=60))
    kept: timedelta = RETENTION


TASKS: dict[Task, TaskPlan] = {
    "import": TaskPlan("cpu", "workers.importing.imports.run", timedelta(hours=2)),
    "inverter": TaskPlan("fit", "workers.training.inverters.run", timedelta(hours=48)),
    "fit": TaskPlan("fit", "workers.fitting.fits.run", timedelta(hours=4)),
    "pilot": TaskPlan("generate", "workers.rendering.batches.run_pilot", timedelta(hours=1)),
    "shard": TaskPlan("generate", "workers.rendering.batches.run_shard", timedelta(hours=1)),
    # Somebody waits, so the second try is at once; there is no end of them, so nothing is kept for long.
    "stream": TaskPlan(
        "generate",
        "workers.rendering.streams.run_shard",
        timedelta(hours=1),
        retry_after=(timedelta(0), timedelta(seconds=10)),
        kept=timedelta(hours=1),
    ),
    "export": TaskPlan(
        "cpu",
        "workers.rendering.exports.run",
        timedelta(hours=6),
        retry_after=(timedelta(0), timedelta(seconds=10)),
    ),
}

TASK_OF_KIND: dict[JobKind, Task] = {
    "generator": "import",
    "inverter": "inverter",
    "fit": "fit",
    "batch": "shard",
}
"""The task that does a job's work: all of it at once, or for a batch one shard after another."""


@dataclass(frozen=True)
class Call:
    """One entry for a queue: which function, its one argument, and the id it has there."""

    task: Task
    argument: str
    rq_id: str

    @property
    def plan(self) -> TaskPlan:
        """The table's row."""
        return TASKS[self.task]

    @property
    def retry_seconds(self) -> list[int]:
        """The waits before each further try, for RQ's `Retry`."""
        return [int(wait.total_seconds()) for wait in self.plan.retry_after]

    def enqueue_options(self) -> dict[str, Any]:
        """The rest of what RQ's `enqueue_call` is told: a time limit for the work, and one for all that Redis keeps."""
        kept = int(self.plan.kept.total_seconds())
        return {
            "func": self.plan.function,
            "args": (self.argument,),
            "job_id": self.rq_id,
            "timeout": int(self.plan.timeout.total_seconds()),
            "ttl": kept,
            "result_ttl": kept,
            "failure_ttl": kept,
            "description": self.argument,
        }


def job_call(job: JobRef, attempt: int) -> Call:
    """Runs a job that is one piece of work: any but a batch."""
    return Call(TASK_OF_KIND[job.kind], str(job), f"{job.id}-{attempt}")


def pilot_call(batch: JobRef, attempt: int) -> Call:
    """Measures the fit's uncertainty at the batch's truncation, then starts the shards."""
    return Call("pilot", str(batch), f"{batch.id}-pilot-{attempt}")


def shard_call(shard: ShardRef, attempt: int) -> Call:
    """Renders one shard, then queues the next."""
    return Call("shard", str(shard), f"{shard.batch.id}-{shard.index:06d}-{attempt}")


def stream_call(shard: StreamShardRef, number: int) -> Call:
    """Renders one shard of a stream."""
    return Call("stream", str(shard), f"{shard.stream.id}-{shard.index:06d}-{number}")


def export_call(export: ExportRef, attempt: int) -> Call:
    """Makes one export of a batch."""
    return Call("export", str(export), f"{export.batch.id}-export-{export.variant}-{attempt}")


def job_id_of(rq_id: str) -> str:
    """The id of the job, or the stream, that an RQ id belongs to."""
    return rq_id.partition("-")[0]
