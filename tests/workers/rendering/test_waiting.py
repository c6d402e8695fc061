"""Batches that wait for their fit: the reconciler starts them, or ends them."""

import time
from datetime import timedelta

import pytest

from contracts.base import now
from contracts.batches import BatchRequest
from contracts.errors.jobs import OutOfMemory
from contracts.fits.fit import FitRequest
from contracts.jobs import JobStatus
from contracts.recipes.recipe import PinnedFit
from state import keys, records
from state.leftovers.deleting import delete_job
from state.queues import open_queue
from state.waiting.attention import Attention
from tests.workers.scene import Scene
from workers.rendering import batches
from workers.runtime.jobs import cancelled, failed
from workers.upkeep.reconcile import Reconciler


def wait_for(scene: Scene, fit: FitRequest) -> BatchRequest:
    """Return a batch of eight samples that waits for a fit, a minute old, as the app stores it."""
    model = scene.request_batch(scene.fit(), n=8, shard_size=4)
    changes = {"fit": PinnedFit(id=fit.id), "created_at": now() - timedelta(minutes=1)}
    batch = model.model_copy(update=changes)
    records.write(scene.machine.store, keys.job_request(batch.ref), batch)
    scene.machine.ledger.publish_status(batch.ref, JobStatus.QUEUED)
    Attention(scene.machine.ledger).follow(fit.ref, batch.ref)
    return batch


def queued(scene: Scene) -> list[str]:
    """Return the entries that RQ has for rendering."""
    return open_queue(scene.machine.redis, "generate").get_job_ids()


def test_a_batch_waits_while_its_fit_runs(scene: Scene) -> None:
    """A round changes nothing."""
    batch = wait_for(scene, scene.request_fit())
    Reconciler(scene.machine).reconcile()
    assert queued(scene) == []
    assert not records.has_ended(scene.machine.store, batch.ref)


def test_a_batch_starts_when_its_fit_succeeds(scene: Scene) -> None:
    """The end of the fit wakes the reconciler. The batch pins the digest, and renders the samples of its fit."""
    waited, model = scene.request_fit(), scene.fit()
    batch = wait_for(scene, waited)
    records.finish(
        scene.machine.store, scene.machine.ledger, waited.ref, scene.fit_manifest(model.ref)
    )
    Reconciler(scene.machine).attend(1)
    started = records.read_request(scene.machine.store, batch.ref, BatchRequest)
    assert started is not None
    assert started.fit.digest == scene.fit_manifest(model.ref).digest
    assert queued(scene) == [f"{batch.id}-{index:06d}-1" for index in (0, 1)]
    for index in range(2):
        batches.run_shard(scene.machine, f"{batch.ref}/{index}", 1)
    assert scene.batch_manifest(batch.ref).num_samples == 8


def test_a_flushed_redis_delays_the_start_only(scene: Scene) -> None:
    """A round finds the batch and its fit in the store."""
    waited = scene.request_fit()
    batch = wait_for(scene, waited)
    manifest = scene.fit_manifest(scene.fit().ref)
    records.finish(scene.machine.store, scene.machine.ledger, waited.ref, manifest)
    scene.machine.redis.flushall()
    Reconciler(scene.machine).reconcile()
    assert queued(scene) == [f"{batch.id}-{index:06d}-1" for index in (0, 1)]


def test_a_started_batch_outlives_its_pin(scene: Scene) -> None:
    """A fit that is deleted after the start does not bring the batch back to waiting."""
    waited = scene.request_fit()
    batch = wait_for(scene, waited)
    manifest = scene.fit_manifest(scene.fit().ref)
    records.finish(scene.machine.store, scene.machine.ledger, waited.ref, manifest)
    Reconciler(scene.machine).attend(1)
    delete_job(scene.machine.store, scene.machine.ledger, waited.ref)
    Reconciler(scene.machine).reconcile()
    assert not records.has_ended(scene.machine.store, batch.ref)


@pytest.mark.parametrize("end", ["failed", "cancelled", "deleted"])
def test_a_batch_fails_with_its_fit(scene: Scene, end: str) -> None:
    """The error says what became of the fit, and its cause."""
    waited, machine = scene.request_fit(), scene.machine
    batch = wait_for(scene, waited)
    if end == "deleted":
        delete_job(machine.store, machine.ledger, waited.ref)
    else:
        error = OutOfMemory("The device is too small.")
        manifest = (
            failed(machine, waited.ref, error, None)
            if end == "failed"
            else cancelled(machine, waited.ref, None)
        )
        records.finish(machine.store, machine.ledger, waited.ref, manifest)
    Reconciler(machine).attend(1)
    reason = scene.batch_manifest(batch.ref).error
    assert reason is not None
    assert (reason.code, reason.retryable) == ("fit_failed", False)
    assert f"'{waited.id}', which" in reason.detail
    assert end in reason.detail
    assert ("too small" in reason.detail) == (end == "failed")


def test_a_waiting_batch_is_cancelled_within_a_second(scene: Scene) -> None:
    """The cancellation wakes the reconciler, also when the fit has succeeded meanwhile."""
    waited = scene.request_fit()
    batch = wait_for(scene, waited)
    scene.cancel(batch.ref)
    records.finish(
        scene.machine.store,
        scene.machine.ledger,
        waited.ref,
        scene.fit_manifest(scene.fit().ref),
    )
    began = time.monotonic()
    Reconciler(scene.machine).attend(20)
    assert scene.batch_manifest(batch.ref).status is JobStatus.CANCELLED
    assert time.monotonic() - began < 1
