"""What every job goes through, whatever it makes: begin, step by step, and one of six ends.

succeeded   the work returned a manifest
cancelled   cancel.json was found before the work, between two steps, or before the manifest
failed      the input is wrong (`JobFailed`): at once; trouble of the machine: after RQ's last retry
drained     the worker is stopping: nothing is written, the job goes back to its queue
overtaken   another worker has ended it: its manifest stands, nothing more is written
deleted     tombstone.json was found: nothing more is written
"""

import time
from collections.abc import Callable
from datetime import datetime

import structlog
import torch
from rq.exceptions import AbandonedJobError

from contracts.base import now
from contracts.errors.jobs import JobFailed, OutOfMemory, WorkerLost
from contracts.errors.tree import HandsOffError
from contracts.jobs import JobError, JobRef, JobStatus, Progress
from state import records
from state.records import JobManifest
from workers.runtime.machine import Machine

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 1.0
"""How often a running job publishes its progress and looks for cancel.json; steps may be far shorter."""


class Cancelled(Exception):
    """The caller wants the job to stop."""


class Overtaken(Exception):
    """The job has ended by another hand: a twin finished first, or another shard failed."""


class Deleted(Exception):
    """The job's data is gone or going."""


class Run:
    """One attempt at one job: its reference, the machine, and the steps it has taken."""

    def __init__(self, machine: Machine, ref: JobRef) -> None:
        self.machine = machine
        self.ref = ref
        self.started_at: datetime = now()
        self._looked_at = 0.0
        self._stage = ""
        self._stage_began = time.monotonic()
        self._done_before = 0
        self.stage_seconds: dict[str, float] = {}

    def look(self) -> None:
        """Raises when the work is not wanted any more (`Cancelled`, `Overtaken`, `Deleted`) or not here (`Drained`)."""
        self.machine.pulse.beat()
        self._looked_at = time.monotonic()
        if records.is_deleted(self.machine.store, self.ref):
            raise Deleted
        if records.has_ended(self.machine.store, self.ref):
            raise Overtaken
        if records.is_cancelled(self.machine.store, self.ref):
            raise Cancelled

    def step(self, stage: str, done: int, total: int) -> None:
        """Marks a step. About once a second, and at the last one, it also tells (see `tell`)."""
        self.machine.pulse.beat()
        self._enter(stage, done)
        if done == total or time.monotonic() - self._looked_at >= LOOK_EVERY_SECONDS:
            self.tell(stage, done, total)

    def tell(self, stage: str, done: int, total: int) -> None:
        """Looks (see `look`) and publishes the progress."""
        self._enter(stage, done)
        self.look()
        self.machine.ledger.progress(self.ref, self._progress(done, total))

    def steps(self, stage: str) -> Callable[[int, int], None]:
        """`step` for one stage, in the form that models call: (done, total)."""
        self._enter(stage)
        return lambda done, total: self.step(stage, done, total)

    def _enter(self, stage: str, done: int = 0) -> None:
        at = time.monotonic()
        if stage != self._stage:
            self._stage, self._stage_began, self._done_before = stage, at, done
        self.stage_seconds[stage] = at - self._stage_began

    def _progress(self, done: int, total: int) -> Progress:
        """The time to go is told by what this run has done itself: the first shards of a batch were another's."""
        seconds, own = time.monotonic() - self._stage_began, done - self._done_before
        eta = seconds / own * (total - done) if own > 0 else None
        return Progress(stage=self._stage, done=done, total=total, eta_seconds=eta)


def perform(
    machine: Machine, ref: JobRef, attempt: int, work: Callable[[Run], JobManifest | None]
) -> None:
    """Takes a job that has not ended through `work`. A `work` that returns None leaves the job running."""
    if records.is_deleted(machine.store, ref) or records.has_ended(machine.store, ref):
        return
    run = Run(machine, ref)
    machine.ledger.started(ref, attempt)
    log.info("job begun", job=str(ref), attempt=attempt)
    try:
        run.look()
        manifest = work(run)
        run.look()
    except Cancelled:
        manifest = records.ended_without_result(ref, JobStatus.CANCELLED, run.started_at)
    except (Overtaken, Deleted):
        return
    except JobFailed as error:
        manifest = failed(ref, error, run.started_at)
    # What failed may have failed because the job was being deleted: its request goes first.
    if manifest is not None and not records.is_deleted(machine.store, ref):
        standing = records.finish(machine.store, machine.ledger, ref, manifest)
        log.info("job ended", job=str(ref), status=standing.status.value)


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """Ends a job whose last retry has failed with trouble of the machine. `argument` is the job's or a shard's text.

    A job that was to be cancelled ends so: nobody waits for what it failed to make.
    """
    tenant, job_id, *_ = argument.split("/")
    ref = JobRef(tenant=tenant, id=job_id)
    log.error("job failed for good", job=str(ref), error=repr(error))
    if records.is_deleted(machine.store, ref):
        return
    started_at = machine.ledger.live(ref).started_at
    if records.is_cancelled(machine.store, ref):
        manifest = records.ended_without_result(ref, JobStatus.CANCELLED, started_at)
    else:
        manifest = failed(ref, error, started_at)
    records.finish(machine.store, machine.ledger, ref, manifest)


def failed(ref: JobRef, error: BaseException, started_at: datetime | None) -> JobManifest:
    """The manifest of a failure."""
    return records.ended_without_result(ref, JobStatus.FAILED, started_at, reason_of(error))


def reason_of(error: BaseException) -> JobError:
    """A failure in words. What we did not raise on purpose is trouble of the machine, and worth another try."""
    if isinstance(error, AbandonedJobError):
        error = WorkerLost(
            "The worker died on every attempt; its log says how. Make the request again."
        )
    if isinstance(
        error, torch.OutOfMemoryError
    ):  # outside micro-batches: not even the networks fit
        error = OutOfMemory(
            "The networks do not fit the device's memory. Use a larger device or a smaller generator."
        )
    if isinstance(error, JobFailed):
        return JobError(code=error.code, detail=error.detail, retryable=error.is_retryable)
    if isinstance(error, HandsOffError):
        return JobError(code=error.code, detail=error.detail, retryable=True)
    detail = f"The worker failed ({type(error).__name__}). Make the request again."
    return JobError(code=JobFailed.code, detail=detail, retryable=True)
