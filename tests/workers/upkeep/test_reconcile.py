"""The reconciler: what it queues again, what it ends, and what it leaves alone."""

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
from tests.workers.importing.imports import ask_import
from tests.workers.scene import Scene
from workers.rendering import batches
from workers.upkeep.reconcile import Reconciler


def aged(scene: Scene, fit: FitRequest) -> FitRequest:
    """The same request, made a minute ago: the app has had its moment to queue it."""
    older = fit.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    return older


def waiting(scene: Scene) -> list[str]:
    """The RQ ids in the queue of the fits."""
    return open_queue(scene.machine.redis, "fit").get_job_ids()


def test_a_lost_fit_is_queued_again(scene: Scene) -> None:
    """A request without manifest that no queue knows: Redis has been flushed, or the app died between two writes."""
    fit = aged(scene, scene.ask_fit())
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


def test_a_lost_import_is_queued_for_the_cpus(scene: Scene) -> None:
    """Every kind of job goes back to the queue that its task has in the table."""
    request = ask_import(scene.machine, b"a checkpoint")
    older = request.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    Reconciler(scene.machine).reconcile()
    assert open_queue(scene.machine.redis, "cpu").get_job_ids() == [f"{request.id}-1"]


def test_a_queued_fit_is_not_queued_twice(scene: Scene) -> None:
    """Round after round, it stands in the queue once."""
    fit = aged(scene, scene.ask_fit())
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    reconciler.reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


def test_a_young_request_is_left_to_the_app(scene: Scene) -> None:
    """The app stores before it queues; in between the reconciler looks away."""
    scene.ask_fit()
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == []


def test_a_fit_that_is_lost_each_time_fails(scene: Scene) -> None:
    """After the last attempt the job ends, and says that trying again may help."""
    fit = aged(scene, scene.ask_fit())
    for _ in range(scene.machine.settings.max_attempts):
        scene.machine.ledger.next_attempt(fit.ref)
    Reconciler(scene.machine).reconcile()
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert (error.code, error.retryable) == ("worker_lost", True)


def test_a_cancelled_fit_that_nobody_began_is_ended(scene: Scene) -> None:
    """No worker will pick it up, so the reconciler writes its manifest."""
    fit = aged(scene, scene.ask_fit())
    scene.cancel(fit.ref)
    Reconciler(scene.machine).reconcile()
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_batch_whose_last_worker_died_is_completed(scene: Scene) -> None:
    """All records exist and no manifest: the reconciler writes it."""
    batch = scene.ask_batch(scene.fit(), n=4, shard_size=4)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    scene.machine.store.delete(keys.job_manifest(batch.ref))
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    Reconciler(scene.machine).reconcile()
    assert scene.batch_manifest(batch.ref).num_samples == 4


def test_a_flushed_redis_is_filled_again(scene: Scene) -> None:
    """After FLUSHALL the lists are whole again and the batch goes on where it was."""
    fit = scene.fit()
    batch = scene.ask_batch(fit, n=12, shard_size=4)
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    scene.machine.redis.flushall()
    Reconciler(scene.machine).reconcile()
    rq_ids = open_queue(scene.machine.redis, "generate").get_job_ids()
    assert [rq_id.split("-")[1] for rq_id in rq_ids] == ["000001", "000002"]
    assert scene.machine.ledger.index_page("default", "fits", None, 10) == [fit.id]


def test_a_worker_dead_for_long_is_forgotten(scene: Scene) -> None:
    """One that was killed never says goodbye; without this the list of workers would grow with every crash."""
    dead = Heartbeat(worker="dead", queue="fit", state="busy", at=now() - RETENTION, device="cpu")
    silent = dead.model_copy(update={"worker": "silent", "at": now() - timedelta(minutes=5)})
    for beat in (dead, silent):
        scene.machine.ledger.record_heartbeat(beat)
    Reconciler(scene.machine).reconcile()
    assert [beat.worker for beat in scene.machine.ledger.workers()] == ["silent"]


def test_only_one_reconciler_works_at_a_time(scene: Scene) -> None:
    """The second finds the lock taken and waits for its next round."""
    fit = aged(scene, scene.ask_fit())
    scene.machine.ledger.try_lock("reconcile", "another", timedelta(minutes=1))
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == []
    assert records.read_manifest(scene.machine.store, fit.ref, FitManifest) is None


def test_an_unreadable_job_does_not_stop_the_others(scene: Scene) -> None:
    """Rubbish in the store is skipped, and the lost fit is queued again."""
    scene.machine.store.put("tenants/default/fits/rubbish/request.json", b"rubbish")
    scene.machine.store.put(f"tenants/default/fits/fit_{'0' * 32}/request.json", b"{}")
    fit = aged(scene, scene.ask_fit())
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


@pytest.mark.parametrize(
    "rq_id", ["batch_x-export-coco-1", "portraits-64-1", "x", f"batch_{'0' * 32}-nothing-1", "-"]
)
def test_foreign_entries_stop_no_repair(scene: Scene, rq_id: str) -> None:
    """With any id in a queue, a lost fit is still queued again."""
    for queue in QUEUE_NAMES:
        scene.machine.redis.rpush(open_queue(scene.machine.redis, queue).key, rq_id)
    fit = aged(scene, scene.ask_fit())
    Reconciler(scene.machine).reconcile()
    assert f"{fit.id}-1" in waiting(scene)


def test_a_queued_export_stops_no_repair_of_its_batch(scene: Scene) -> None:
    """The entry of an export belongs to the batch, and is none of its shards."""
    batch = scene.ask_batch(scene.fit(), n=4, shard_size=4)
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    put(scene.machine.redis, export_call(ExportRef(batch=batch.ref, format="coco"), 1))
    Reconciler(scene.machine).reconcile()
    rq_ids = open_queue(scene.machine.redis, "generate").get_job_ids()
    assert rq_ids == [f"{batch.id}-000000-1"]
