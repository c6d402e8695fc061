"""The reconciler queues lost jobs again, ends hopeless ones, and leaves the others alone."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.exports import ExportRef
from contracts.fits.fit import FitManifest, FitRequest
from contracts.heartbeats import Heartbeat
from contracts.jobs import JobStatus, ShardRef
from contracts.kinds import QUEUE_NAMES, RETENTION
from state import keys, records
from state.queues import export_call, job_call, open_queue, put
from tests.workers.importing.imports import request_import
from tests.workers.scene import Scene
from workers.rendering import batches
from workers.upkeep.reconcile import Reconciler


def aged(scene: Scene, fit: FitRequest) -> FitRequest:
    """Return the same request, created a minute ago: the app has had the time to queue it."""
    older = fit.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    return older


def waiting(scene: Scene) -> list[str]:
    """Return the RQ ids in the queue of the fits."""
    return open_queue(scene.machine.redis, "fit").get_job_ids()


def test_a_lost_fit_is_queued_again(scene: Scene) -> None:
    """Its request has no manifest and is in no queue: Redis was flushed, or the app died between two writes."""
    fit = aged(scene, scene.request_fit())
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


def test_a_lost_import_is_queued_for_the_cpus(scene: Scene) -> None:
    """Every kind of job returns to the queue of its task."""
    request = request_import(scene.machine, b"a checkpoint")
    older = request.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    Reconciler(scene.machine).reconcile()
    assert open_queue(scene.machine.redis, "cpu").get_job_ids() == [f"{request.id}-1"]


def test_a_queued_fit_is_not_queued_twice(scene: Scene) -> None:
    """After two rounds it is in the queue once."""
    fit = aged(scene, scene.request_fit())
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    reconciler.reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


def test_a_young_request_is_left_to_the_app(scene: Scene) -> None:
    """The app stores a request before it queues it; the reconciler waits for that."""
    scene.request_fit()
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == []


def test_a_fit_that_is_lost_each_time_fails(scene: Scene) -> None:
    """After the last attempt the job ends with a retryable error."""
    fit = aged(scene, scene.request_fit())
    for _ in range(scene.machine.settings.max_attempts):
        scene.machine.ledger.next_attempt(fit.ref)
    Reconciler(scene.machine).reconcile()
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert (error.code, error.retryable) == ("worker_lost", True)


def test_attempts_that_stored_work_do_not_count(scene: Scene) -> None:
    """A long training whose workers die again and again is continued as long as it gets further."""
    fit, ledger = aged(scene, scene.request_fit()), scene.machine.ledger
    for _ in range(6):  # twice `max_attempts`
        ledger.next_attempt(fit.ref)
    ledger.record_saved_work(fit.ref)
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == [f"{fit.id}-7"]


def test_a_cancelled_fit_in_no_queue_is_ended(scene: Scene) -> None:
    """No worker will start it, so the reconciler writes its manifest."""
    fit = aged(scene, scene.request_fit())
    scene.cancel(fit.ref)
    Reconciler(scene.machine).reconcile()
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_batch_whose_last_worker_died_is_completed(scene: Scene) -> None:
    """All records exist, but no manifest: the reconciler writes it."""
    batch = scene.request_batch(scene.fit(), n=4, shard_size=4)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    scene.machine.store.delete(keys.job_manifest(batch.ref))
    scene.machine.ledger.index_status(batch.ref, JobStatus.RUNNING)
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    Reconciler(scene.machine).reconcile()
    assert scene.batch_manifest(batch.ref).num_samples == 4


def test_a_flushed_redis_is_filled_again(scene: Scene) -> None:
    """After FLUSHALL the lists are complete again, and the batch continues."""
    fit = scene.fit()
    batch = scene.request_batch(fit, n=12, shard_size=4)
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    scene.machine.redis.flushall()
    Reconciler(scene.machine).reconcile()
    rq_ids = open_queue(scene.machine.redis, "generate").get_job_ids()
    assert [rq_id.split("-")[1] for rq_id in rq_ids] == ["000001", "000002"]
    assert scene.machine.ledger.index_page("default", "fits", None, 10) == [fit.id]


def test_a_worker_dead_for_long_is_removed(scene: Scene) -> None:
    """A killed worker does not remove itself, so the list of workers would grow with every crash."""
    dead = Heartbeat(worker="dead", queue="fit", state="busy", at=now() - RETENTION, device="cpu")
    silent = dead.model_copy(update={"worker": "silent", "at": now() - timedelta(minutes=5)})
    for beat in (dead, silent):
        scene.machine.ledger.record_heartbeat(beat)
    Reconciler(scene.machine).reconcile()
    assert [beat.worker for beat in scene.machine.ledger.workers()] == ["silent"]


def test_only_one_reconciler_works_at_a_time(scene: Scene) -> None:
    """The second one finds the lock taken and waits for its next round."""
    fit = aged(scene, scene.request_fit())
    scene.machine.ledger.try_lock("reconcile", "another", timedelta(minutes=1))
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == []
    assert records.read_manifest(scene.machine.store, fit.ref, FitManifest) is None


def test_an_unreadable_job_does_not_stop_the_others(scene: Scene) -> None:
    """Invalid objects in the store are skipped, and the lost fit is queued again."""
    scene.machine.store.put("tenants/default/fits/rubbish/request.json", b"rubbish")
    scene.machine.store.put(f"tenants/default/fits/fit_{'0' * 32}/request.json", b"{}")
    fit = aged(scene, scene.request_fit())
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


@pytest.mark.parametrize(
    "rq_id", ["batch_x-export-coco-1", "portraits-64-1", "x", f"batch_{'0' * 32}-nothing-1", "-"]
)
def test_foreign_entries_stop_no_repair(scene: Scene, rq_id: str) -> None:
    """Whatever id is in a queue, a lost fit is still queued again."""
    for queue in QUEUE_NAMES:
        scene.machine.redis.rpush(open_queue(scene.machine.redis, queue).key, rq_id)
    fit = aged(scene, scene.request_fit())
    Reconciler(scene.machine).reconcile()
    assert f"{fit.id}-1" in waiting(scene)


def test_a_queued_export_stops_no_repair_of_its_batch(scene: Scene) -> None:
    """The entry of an export belongs to the batch, but is not one of its shards."""
    batch = scene.request_batch(scene.fit(), n=4, shard_size=4)
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    put(scene.machine.redis, export_call(ExportRef(batch=batch.ref, format="coco"), 1))
    Reconciler(scene.machine).reconcile()
    rq_ids = open_queue(scene.machine.redis, "generate").get_job_ids()
    assert rq_ids == [f"{batch.id}-000000-1"]
