"""The life of a job on a worker, with work of a line or two: how it ends, and when it ends without a word."""

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
    """A fit that nobody has begun."""
    return scene.ask_fit()


def success(run: Run) -> FitManifest:
    """The manifest of a job that made nothing worth speaking of."""
    return records.ended_without_result(FitManifest, JobStatus.SUCCEEDED, run.started_at)


def delete(scene: Scene, fit: FitRequest) -> None:
    """What the app does when somebody deletes the fit."""
    records.delete_objects(
        scene.machine.store,
        keys.job_prefix(fit.ref),
        tombstone_key=keys.job_tombstone(fit.ref),
        first=keys.job_request(fit.ref),
    )


def test_the_time_to_go_is_told_by_what_was_done_here(scene: Scene, fit: FitRequest) -> None:
    """A thousand were finished before this run began; at one in a second the other thousand take long."""
    run = Run(scene.machine, fit.ref)
    run.step("rendering", 1_000, 2_000)
    while (progress := scene.machine.ledger.live(fit.ref).progress) and progress.done == 1_000:
        run.step("rendering", 1_001, 2_000)
    assert progress is not None
    assert progress.eta_seconds is not None
    assert progress.eta_seconds > 500


def test_a_cancel_during_the_work_ends_the_job(scene: Scene, fit: FitRequest) -> None:
    """Between two steps the wish is found, and the work goes no further."""

    def work(run: Run) -> FitManifest:
        scene.cancel(run.ref)
        run.check_cancelled()
        raise AssertionError("the work went on")

    jobs.perform(scene.machine, fit.ref, 1, work)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_cancel_at_the_end_of_the_work_is_still_heeded(scene: Scene, fit: FitRequest) -> None:
    """It came after the last step, before the manifest: that is soon enough."""

    def work(run: Run) -> FitManifest:
        scene.cancel(run.ref)
        return success(run)

    jobs.perform(scene.machine, fit.ref, 1, work)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_twin_that_was_overtaken_stops(scene: Scene, fit: FitRequest) -> None:
    """Another worker finished first: this one stops at its next step, and the first manifest stands."""

    def work(run: Run) -> FitManifest:
        jobs.perform(scene.machine, fit.ref, 2, success)
        run.check_cancelled()
        raise AssertionError("the work went on")

    jobs.perform(scene.machine, fit.ref, 1, work)
    assert scene.fit_manifest(fit.ref).status is JobStatus.SUCCEEDED


def test_a_job_deleted_during_its_work_gets_no_manifest(scene: Scene, fit: FitRequest) -> None:
    """Its input vanishes under its hands; that failure is nobody's news any more."""

    def work(run: Run) -> FitManifest:
        delete(scene, fit)
        raise JobFailed("The request is gone.")

    jobs.perform(scene.machine, fit.ref, 1, work)
    found = [info.key for info in scene.machine.store.list(keys.job_prefix(fit.ref))]
    assert found == [keys.job_tombstone(fit.ref)]


def test_a_worker_lost_for_good_fails_the_job(scene: Scene, fit: FitRequest) -> None:
    """No worker is left to write the manifest: the reconciler does, and says that trying again may help."""
    jobs.fail_for_good(scene.machine, str(fit.ref), AbandonedJobError())
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert (error.code, error.retryable) == ("worker_lost", True)


def test_a_job_that_was_to_be_cancelled_does_not_fail(scene: Scene, fit: FitRequest) -> None:
    """Its worker died while it was stopping: the caller gets the end that was asked for."""
    scene.cancel(fit.ref)
    jobs.fail_for_good(scene.machine, str(fit.ref), AbandonedJobError())
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_networks_too_large_for_the_device_are_out_of_memory(scene: Scene, fit: FitRequest) -> None:
    """Outside every micro-batch nothing can be halved: the same request will never fit this device."""
    jobs.fail_for_good(scene.machine, str(fit.ref), torch.OutOfMemoryError())
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert (error.code, error.retryable) == ("out_of_memory", False)
