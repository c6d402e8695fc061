"""An update of the service: calls that an older version queued, under names of functions that no longer exist."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.jobs import JobStatus
from state import keys, records
from state.queues import open_queue
from tests.workers.scene import Scene
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler

pytestmark = pytest.mark.usefixtures("signals")


def test_a_job_that_version_0_1_queued_is_done(scene: Scene) -> None:
    """The worker drops the old call, the reconciler queues the job under its new name, and the worker runs it."""
    fit = scene.request_fit()
    older = fit.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    queue = open_queue(scene.machine.redis, "fit")
    queue.enqueue_call("workers.fits.run", args=(str(fit.ref),), job_id=f"{fit.id}-1")
    worker, reconciler = Worker("fit", scene.machine), Reconciler(scene.machine)
    worker.work(burst=True)
    assert not records.has_ended(scene.machine.store, fit.ref)
    reconciler.reconcile()
    worker.work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.SUCCEEDED
