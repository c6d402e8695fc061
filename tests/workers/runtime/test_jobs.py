"""A job on a worker, with work of a line or two: how it ends, and when it ends without a manifest."""

import pytest
import torch
from rq.exceptions import AbandonedJobError

from contracts.errors.jobs import JobFailed
from contracts.fits.fit import FitManifest, FitRequest
from contracts.jobs import JobStatus
from state import keys, records
from tests.workers.scene import Scene
from workers.runtime import jobs
from workers.runtime.jobs import Run


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a fit that has not started."""
    return scene.request_fit()


def success(run: Run) -> FitManifest:
    """Return the manifest of a succeeded job without results."""
    return records.ended_without_result(FitManifest, JobStatus.SUCCEEDED, run.started_at)


def delete(scene: Scene, fit: FitRequest) -> None:
    """Delete the fit as the app does."""
    records.delete_objects(
        scene.machine.store,
        keys.job_prefix(fit.ref),
        tombstone_key=keys.job_tombstone(fit.ref),
        first=keys.job_request(fit.ref),
    )


def test_the_remaining_time_follows_from_this_run_alone(scene: Scene, fit: FitRequest) -> None:
    """1,000 were finished before this run; at one per second the other 1,000 take long."""
    run = Run(scene.machine, fit.ref)
    run.step("rendering", 1_000, 2_000)
    while (progress := scene.machine.ledger.live(fit.ref).progress) and progress.done == 1_000:
        run.step("rendering", 1_001, 2_000)
    assert progress is not None
    assert progress.eta_seconds is not None
    assert progress.eta_seconds > 500


def test_a_cancel_during_the_work_ends_the_job(scene: Scene, fit: FitRequest) -> None:
    """The next step finds the cancellation, and the work stops."""

    def work(run: Run) -> FitManifest:
        scene.cancel(run.ref)
        run.check_cancelled()
        raise AssertionError("the work went on")

    jobs.perform(scene.machine, fit.ref, 1, work)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_cancel_at_the_end_of_the_work_is_obeyed(scene: Scene, fit: FitRequest) -> None:
    """A cancellation after the last step and before the manifest ends the job as cancelled."""

    def work(run: Run) -> FitManifest:
        scene.cancel(run.ref)
        return success(run)

    jobs.perform(scene.machine, fit.ref, 1, work)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_run_that_was_overtaken_stops(scene: Scene, fit: FitRequest) -> None:
    """Another worker finished first: this one stops at its next step, and the first manifest stays."""

    def work(run: Run) -> FitManifest:
        jobs.perform(scene.machine, fit.ref, 2, success)
        run.check_cancelled()
        raise AssertionError("the work went on")

    jobs.perform(scene.machine, fit.ref, 1, work)
    assert scene.fit_manifest(fit.ref).status is JobStatus.SUCCEEDED


def test_a_job_deleted_during_its_work_gets_no_manifest(scene: Scene, fit: FitRequest) -> None:
    """The input disappears during the work. This failure is not reported."""

    def work(run: Run) -> FitManifest:
        delete(scene, fit)
        raise JobFailed("The request is gone.")

    jobs.perform(scene.machine, fit.ref, 1, work)
    stored = [info.key for info in scene.machine.store.list(keys.job_prefix(fit.ref))]
    assert stored == [keys.job_tombstone(fit.ref)]


def test_a_worker_lost_on_the_last_attempt_fails_the_job(scene: Scene, fit: FitRequest) -> None:
    """The reconciler writes the manifest, because no worker can. It says that a retry may help."""
    jobs.fail_for_good(scene.machine, str(fit.ref), AbandonedJobError())
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert (error.code, error.retryable) == ("worker_lost", True)


def test_a_lost_job_that_has_stored_work_is_left_to_the_reconciler(
    scene: Scene, fit: FitRequest
) -> None:
    """It ends only after an attempt that stored nothing."""
    scene.machine.ledger.next_attempt(fit.ref)
    scene.machine.ledger.record_saved_work(fit.ref)
    jobs.fail_for_good(scene.machine, str(fit.ref), AbandonedJobError())
    assert records.read_manifest(scene.machine.store, fit.ref, FitManifest) is None
    scene.machine.ledger.next_attempt(fit.ref)
    jobs.fail_for_good(scene.machine, str(fit.ref), AbandonedJobError())
    assert scene.fit_manifest(fit.ref).status is JobStatus.FAILED


def test_a_cancelled_job_whose_worker_died_does_not_fail(scene: Scene, fit: FitRequest) -> None:
    """The worker died while it stopped: the job still ends as cancelled."""
    scene.cancel(fit.ref)
    jobs.fail_for_good(scene.machine, str(fit.ref), AbandonedJobError())
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_networks_too_large_for_the_device_are_out_of_memory(scene: Scene, fit: FitRequest) -> None:
    """Outside micro-batches there is no batch to halve: the same request will never fit this device."""
    jobs.fail_for_good(scene.machine, str(fit.ref), torch.OutOfMemoryError())
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert (error.code, error.retryable) == ("out_of_memory", False)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ConnectionResetError("the store went away"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (ValueError("expected 3 channels, got 4"), False),
        (KeyError("masks"), False),
    ],
    ids=["store", "device", "value", "key"],
)
def test_only_failures_of_the_machine_are_retryable(error: Exception, retryable: bool) -> None:  # noqa: FBT001 - a case
    """The same request would meet a fault of the program again."""
    reason = jobs.reason_of(error)
    assert reason.retryable is retryable
    assert type(error).__name__ in reason.detail
