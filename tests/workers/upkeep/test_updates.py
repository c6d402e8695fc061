"""An update of the service: calls that an older version queued, under names of functions that no longer exist."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.base import now
from contracts.generators.inverters import InverterOptions
from contracts.jobs import JobStatus
from state import keys, records
from state.queues import job_call, open_queue, put
from tests.workers.scene import Scene
from tests.workers.training.trained import request_inverter
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


def test_an_inverter_that_an_older_version_queued_with_the_fits_is_trained(scene: Scene) -> None:
    """Trainings have another queue now; the old entry is run where it is, and not queued again."""
    inverter = request_inverter(scene, InverterOptions(num_images=8, batch=4))
    older = inverter.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    put(scene.machine.redis, replace(job_call(scene.machine.kinds, inverter, 1), queue="fit"))
    Reconciler(scene.machine).reconcile()
    assert open_queue(scene.machine.redis, "train").get_job_ids() == []
    Worker("fit", scene.machine).work(burst=True)
    record = records.read_job(scene.machine.store, scene.machine.kinds, inverter.ref)
    assert record is not None
    assert record.manifest is not None
    assert record.manifest.status is JobStatus.SUCCEEDED
