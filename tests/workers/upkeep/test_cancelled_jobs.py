"""A cancelled job that waits in a queue ends at once, and every job has its last event."""

import threading
from datetime import timedelta

import pytest
from rq.registry import ScheduledJobRegistry

from contracts.base import now
from contracts.jobs import JobRef, JobStatus, Progress, ShardRef
from state import keys, records, redis_keys
from state.queues import job_call, open_queue, put, shard_call
from state.waiting.attention import Attention
from tests.workers.scene import Scene
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler


def cancel(scene: Scene, ref: JobRef) -> None:
    """Cancel a job of the queue `fit` as the app does."""
    scene.cancel(ref)
    scene.machine.admission.withdraw("fit", ref.id)
    Attention(scene.machine.ledger).request(ref)


def test_a_cancelled_job_ends_at_once(scene: Scene) -> None:
    """The reconciler that waits is woken by the cancellation, long before its next round."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    threading.Timer(0.1, cancel, [scene, fit.ref]).start()
    Reconciler(scene.machine).attend(20)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_cancelled_job_that_waits_for_a_retry_ends(scene: Scene) -> None:
    """Its entry is in the list of retries, which counts as waiting too."""
    fit = scene.request_fit()
    queue = open_queue(scene.machine.redis, "fit")
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    queue.empty()
    ScheduledJobRegistry(queue=queue).connection.zadd(
        ScheduledJobRegistry(queue=queue).key, {f"{fit.id}-1": 2e9}
    )
    cancel(scene, fit.ref)
    Reconciler(scene.machine).attend(1)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_cancelled_batch_loses_its_waiting_shards(scene: Scene) -> None:
    """No worker renders the shards that wait, and the batch ends."""
    batch = scene.request_batch(scene.fit(), n=8, shard_size=4)
    for index in range(2):
        put(scene.machine.redis, shard_call(ShardRef(batch=batch.ref, index=index), 1))
    older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(batch.ref), older)
    scene.cancel(batch.ref)  # Redis was away, so the app could not withdraw them
    Reconciler(scene.machine).reconcile()
    assert open_queue(scene.machine.redis, "generate").get_job_ids() == []
    assert scene.batch_manifest(batch.ref).status is JobStatus.CANCELLED


def test_a_job_that_a_worker_has_is_left_to_it(scene: Scene) -> None:
    """Its entry is among the running ones; the worker notices the cancellation at its next step."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    worker = Worker("fit", scene.machine)
    job, queue = open_queue(scene.machine.redis, "fit").jobs[0], worker.queues[0]
    queue.remove(job.id)
    worker.prepare_execution(job)
    cancel(scene, fit.ref)
    Reconciler(scene.machine).attend(1)
    assert not records.has_ended(scene.machine.store, fit.ref)


@pytest.mark.parametrize("text", ["", "rubbish", "default/fit_1", "default/other_" + "0" * 32])
def test_an_unreadable_wake_up_ends_nothing(scene: Scene, text: str) -> None:
    """Anything may be in the list; the reconciler logs it and goes on."""
    scene.machine.redis.rpush(redis_keys.ATTENTION, text)
    Reconciler(scene.machine).attend(1)
    assert scene.machine.redis.llen(redis_keys.ATTENTION) == 0


def test_the_last_event_is_published_when_redis_was_away(scene: Scene) -> None:
    """The job ended without Redis: the reconciler publishes the end and clears the live data."""
    fit, ledger = scene.request_fit(), scene.machine.ledger
    ledger.record_start(fit.ref, 1)
    ledger.report_progress(fit.ref, Progress(stage="inversion", done=1, total=2))
    manifest = records.ended_without_result(
        scene.machine.kinds.of(fit.ref).manifest, JobStatus.CANCELLED, None
    )
    records.create(scene.machine.store, keys.job_manifest(fit.ref), manifest)
    for _ in range(2):  # the second reconciler finds nothing to do
        Reconciler(scene.machine).reconcile()
    assert [event.type for event in ledger.events(fit.ref)] == ["status", "progress", "completed"]
    assert ledger.live(fit.ref).started_at is None
    ledger.publish_status(fit.ref, JobStatus.CANCELLED)  # the worker is late
    assert [event.type for event in ledger.events(fit.ref)].count("completed") == 1


def test_a_job_that_ended_long_ago_gets_no_event(scene: Scene) -> None:
    """Its events have expired; a start of the reconciler must not fill Redis with those of all old jobs."""
    fit = scene.request_fit()
    manifest = records.ended_without_result(
        scene.machine.kinds.of(fit.ref).manifest, JobStatus.CANCELLED, None
    )
    records.create(scene.machine.store, keys.job_manifest(fit.ref), manifest)
    Reconciler(scene.machine).reconcile()
    assert not scene.machine.redis.exists(redis_keys.events(fit.ref))
