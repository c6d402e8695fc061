"""Runs a job of any kind: start, steps, and one of six ends.

succeeded   the work returned a manifest
cancelled   cancel.json existed before the work, between two steps, or before the manifest
failed      the input is wrong (`JobFailed`): at once; the machine failed: after RQ's last retry
drained     the worker is stopping: nothing is written, the job returns to its queue
overtaken   another worker has ended the job: its manifest stays, nothing more is written
deleted     tombstone.json existed: nothing more is written
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import structlog
import torch
from redis.exceptions import RedisError
from rq.exceptions import AbandonedJobError

from contracts.base import now
from contracts.errors.jobs import InputMissing, JobFailed, OutOfMemory, WorkerLost
from contracts.errors.tree import HandsOffError, RecordDamaged
from contracts.jobs import (
    JobError,
    JobManifest,
    JobRef,
    JobStatus,
    Progress,
    Request,
    StoredRequest,
    TerminalStatus,
)
from state import keys, records
from state.leftovers.plan import plan_sweep
from state.process.tracing import add_past_span
from workers.measuring.rates import note_rate
from workers.runtime.functions import import_function
from workers.runtime.machine import Machine
from workers.runtime.metrics import JOBS, STAGE_SECONDS

log = structlog.get_logger()

FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    TypeError,
    ValueError,
)
"""Errors of a program, which the same request meets again. A training loop must not wait for hours on them."""

R = TypeVar("R", bound=Request)

CHECK_EVERY_SECONDS = 1.0
"""How often a running job publishes its progress and checks for cancel.json; steps may be far shorter."""


class Cancelled(Exception):
    """The caller asked the job to stop."""


class Overtaken(Exception):
    """Another worker has ended the job: a second run of it finished first, or another shard failed."""


class Deleted(Exception):
    """The job is deleted or being deleted."""


def bind_origin(request: StoredRequest) -> None:
    """Put the HTTP request that created a resource into the following lines of the log, until the entry ends."""
    if request.origin is not None:
        structlog.contextvars.bind_contextvars(**request.origin.model_dump(exclude_none=True))


class Run:
    """One attempt at one job: its reference, the machine, and the steps it has taken."""

    def __init__(self, machine: Machine, ref: JobRef) -> None:
        self.machine = machine
        self.ref = ref
        self.started_at: datetime = now()
        self._checked_at = 0.0
        self._stage = ""
        self._stage_began = time.monotonic()
        self._done = self._done_before = 0
        self._is_found = False
        self.stage_seconds: dict[str, float] = {}

    def read_request(self, model: type[R]) -> R:
        """Return the job's request. Raises `InputMissing` when it is gone."""
        request = records.read_request(self.machine.store, self.ref, model)
        if request is None:
            raise InputMissing(f"The request of '{self.ref}' is gone.")
        bind_origin(request)
        return request

    def check_cancelled(self) -> None:
        """Raise when the work must stop: `Cancelled`, `Overtaken`, `Deleted` or `Drained`."""
        self.machine.pulse.beat()
        self.check_ended()

    def check_ended(self) -> None:
        """Raise when nothing more may be written: `Cancelled`, `Overtaken` or `Deleted`."""
        self._checked_at = time.monotonic()
        if records.is_deleted(self.machine.store, self.ref):
            raise Deleted
        if records.has_ended(self.machine.store, self.ref):
            raise Overtaken
        if records.is_cancelled(self.machine.store, self.ref):
            raise Cancelled

    def step(self, stage: str, done: int, total: int) -> None:
        """Mark a step. About once a second, for found work and at the last step, report it (see `report_progress`)."""
        self.machine.pulse.beat()
        self._enter(stage, done)
        if (
            self._is_found
            or done == total
            or time.monotonic() - self._checked_at >= CHECK_EVERY_SECONDS
        ):
            self.report_progress(stage, done, total)

    def report_progress(self, stage: str, done: int, total: int) -> None:
        """Check whether to stop (see `check_cancelled`), and publish the progress."""
        self.machine.pulse.beat()
        self.report_stored(stage, done, total)

    def report_stored(self, stage: str, done: int, total: int) -> None:
        """Publish the progress of work that is stored. A stopping worker goes on: the end of the job may follow."""
        self._enter(stage, done)
        self.check_ended()
        self.machine.ledger.report_progress(self.ref, self._progress(done, total))

    def steps(self, stage: str) -> Callable[[int, int], None]:
        """Return `step` for one stage, in the form that models call: (done, total)."""
        self._enter(stage)
        return lambda done, total: self.step(stage, done, total)

    def found_first(self, on_step: Callable[[int, int], None]) -> Callable[[int, int], None]:
        """Return the callback; its first step reports work that was found, so no time follows from it."""
        is_first = True

        def step(done: int, total: int) -> None:
            nonlocal is_first
            self._is_found, is_first = is_first, False
            try:
                on_step(done, total)
            finally:
                self._is_found = False

        return step

    def _enter(self, stage: str, done: int = 0) -> None:
        at = time.monotonic()
        if stage != self._stage:
            self.leave_stage()
            self._stage, self._stage_began, self._done_before = stage, at, done
        elif self._is_found:
            self._done_before += max(done - self._done, 0)
        self._done = done
        self.stage_seconds[stage] = at - self._stage_began

    def leave_stage(self) -> None:
        """Add the time of the present stage to the metrics and the trace."""
        if self._stage:
            seconds = time.monotonic() - self._stage_began
            STAGE_SECONDS.labels(self.ref.kind, self._stage).observe(seconds)
            add_past_span(self._stage, time.time() - seconds)
            self._stage = ""

    def _progress(self, done: int, total: int) -> Progress:
        """Return the progress. The remaining time follows from this run's own work alone."""
        seconds, own = time.monotonic() - self._stage_began, done - self._done_before
        eta = seconds / own * (total - done) if own > 0 else None
        return Progress(stage=self._stage, done=done, total=total, eta_seconds=eta)


def perform(
    machine: Machine, ref: JobRef, attempt: int, work: Callable[[Run], JobManifest | None]
) -> None:
    """Run `work` on a job that has not ended, and store its manifest. If `work` returns None, the job stays running."""
    if records.is_deleted(machine.store, ref) or records.has_ended(machine.store, ref):
        _withdraw(machine, ref)
        return
    run = Run(machine, ref)
    plan_sweep(machine.ledger, keys.job_prefix(ref), is_over=False)
    machine.ledger.record_start(ref, attempt)
    log.info("job started", job=str(ref), attempt=attempt)
    try:
        run.check_cancelled()
        manifest = work(run)
        run.leave_stage()
        run.check_ended()  # a worker that is stopping still stores the finished result
    except Cancelled:
        manifest = cancelled(machine, ref, run.started_at)
    except (Overtaken, Deleted):
        return
    except JobFailed as error:
        manifest = failed(machine, ref, error, run.started_at)
    # The work may have failed because the job was being deleted: the request is deleted first.
    if manifest is not None and not records.is_deleted(machine.store, ref):
        stored = records.finish(machine.store, machine.ledger, ref, manifest)
        JOBS.labels(ref.kind, stored.status.value).inc()
        log.info("job ended", job=str(ref), status=stored.status.value)
        _withdraw(machine, ref)
        if stored.status is JobStatus.SUCCEEDED and attempt == 1:  # a later attempt continues work
            note_rate(machine, ref, stored, run.started_at)


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """End a job whose last retry has failed. `argument` is the text of the job or of a part of it.

    A job that the caller asked to stop ends as cancelled. One that has stored work since it was queued does not end:
    the reconciler queues it again. So a training of days survives any number of killed workers.
    """
    ref = JobRef.of_argument(argument)
    if records.is_deleted(machine.store, ref):
        return
    started_at = machine.ledger.live(ref).started_at
    if records.is_cancelled(machine.store, ref):
        manifest = cancelled(machine, ref, started_at)
    elif machine.ledger.has_saved_work(ref):
        log.warning("job failed after it had stored work", job=str(ref), error=repr(error))
        return
    else:
        log.error("job failed for good", job=str(ref), error=repr(error))
        manifest = failed(machine, ref, error, started_at)
    stored = records.finish(machine.store, machine.ledger, ref, manifest)
    JOBS.labels(ref.kind, stored.status.value).inc()
    _withdraw(machine, ref)


def _withdraw(machine: Machine, ref: JobRef) -> None:
    """Remove what still waits of a job that has ended, such as the other shards of a failed batch."""
    queue = machine.kinds.of(ref).tasks[0].queue
    with suppress(RedisError):  # then each of them ends as soon as it starts
        if isinstance(queue, str):
            machine.admission.withdraw(queue, ref.id)


def cancelled(machine: Machine, ref: JobRef, started_at: datetime | None) -> JobManifest:
    """Return the manifest of a job that was cancelled."""
    return _ended(machine, ref, JobStatus.CANCELLED, started_at)


def failed(
    machine: Machine, ref: JobRef, error: BaseException, started_at: datetime | None
) -> JobManifest:
    """Return the manifest of a job that failed."""
    return _ended(machine, ref, JobStatus.FAILED, started_at, reason_of(error))


def _ended(
    machine: Machine,
    ref: JobRef,
    status: TerminalStatus,
    started_at: datetime | None,
    error: JobError | None = None,
) -> JobManifest:
    """Return the manifest of a job that did not succeed, with its finished results if its kind has any."""
    kind = machine.kinds.of(ref)
    manifest = records.ended_without_result(kind.manifest, status, started_at, error)
    if kind.end is None:
        return manifest
    kept: JobManifest = import_function(kind.end)(machine, ref, manifest)
    return kept


def reason_of(error: BaseException) -> JobError:
    """Return a failure as code and text. Failures of the machine are retryable, those of its programs are not."""
    if isinstance(error, AbandonedJobError):
        error = WorkerLost("The worker died on every attempt; see its log. Send the request again.")
    if isinstance(error, torch.OutOfMemoryError):  # raised outside micro-batches
        error = OutOfMemory(
            "The networks do not fit the device's memory. Use a larger device or a smaller generator."
        )
    if isinstance(error, JobFailed):
        return JobError(code=error.code, detail=error.detail, retryable=error.is_retryable)
    if isinstance(error, HandsOffError):
        is_retryable = not isinstance(error, RecordDamaged)
        return JobError(code=error.code, detail=error.detail, retryable=is_retryable)
    is_retryable = not isinstance(error, FAULTS)
    advice = "Send the request again." if is_retryable else "Its log says why; report it."
    detail = f"The worker failed ({type(error).__name__}). {advice}"
    return JobError(code=JobFailed.code, detail=detail, retryable=is_retryable)
