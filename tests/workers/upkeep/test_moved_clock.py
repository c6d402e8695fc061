"""Times that were noted while the clock was an hour ahead delay nothing once it is right again."""

import time
from datetime import timedelta

from rq.executions import Execution
from rq.job import Job
from rq.registry import ScheduledJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from contracts.base import now
from contracts.fits.fit import FitRequest
from state import keys, records, redis_keys
from state.batches.shards import BatchShards
from state.queues import job_call, open_queue, put
from tests.workers.scene import Scene
from workers.upkeep.reconcile import Reconciler

HOUR = timedelta(hours=1)


def queued_fit(scene: Scene) -> FitRequest:
    """Queue a fit."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    return fit


def test_a_request_from_the_future_is_queued_again(scene: Scene) -> None:
    """The app stored it and died. It is not young: nothing will queue it."""
    fit = scene.request_fit().model_copy(update={"created_at": now() + HOUR})
    records.write(scene.machine.store, keys.job_request(fit.ref), fit)
    Reconciler(scene.machine).reconcile()
    assert open_queue(scene.machine.redis, "fit").get_job_ids() == [f"{fit.id}-1"]


def test_a_call_of_a_killed_worker_does_not_wait_for_the_wrong_time(scene: Scene) -> None:
    """It counts as lost as soon as any other call of a killed worker."""
    redis, fit = scene.machine.redis, queued_fit(scene)
    queue = open_queue(redis, "fit")
    redis.lrem(queue.key, 0, f"{fit.id}-1")
    job = Job.fetch(f"{fit.id}-1", connection=redis, serializer=JSONSerializer)
    with redis.pipeline() as pipeline:
        entry = Execution.create(job, ttl=30, pipeline=pipeline).composite_key
        pipeline.execute()
    running = StartedJobRegistry(queue=queue)
    redis.zadd(running.key, {entry: time.time() + HOUR.total_seconds()})
    Reconciler(scene.machine).reconcile()
    until = redis.zscore(running.key, entry)
    assert until is not None
    assert until <= time.time() + scene.machine.settings.heartbeat_fresh.total_seconds()


def test_a_retry_does_not_wait_for_the_wrong_time(scene: Scene) -> None:
    """No call waits for an hour between two attempts, so it is due."""
    redis, fit = scene.machine.redis, queued_fit(scene)
    queue = open_queue(redis, "fit")
    redis.lrem(queue.key, 0, f"{fit.id}-1")
    retries = ScheduledJobRegistry(queue=queue)
    redis.zadd(retries.key, {f"{fit.id}-1": time.time() + HOUR.total_seconds()})
    Reconciler(scene.machine).reconcile()
    due = redis.zscore(retries.key, f"{fit.id}-1")
    assert queue.get_job_ids() == [f"{fit.id}-1"] or (due is not None and due <= time.time())


def test_a_shard_claimed_in_the_future_is_lost(scene: Scene) -> None:
    """Its call is in no queue: the worker that claimed it was killed."""
    machine, batch = scene.machine, scene.request_batch(scene.fit(), n=8, shard_size=4)
    shards = BatchShards(machine.store, machine.ledger, batch)
    claims = {"0": now().timestamp(), "1": (now() + HOUR).timestamp()}
    machine.ledger.redis.zadd(redis_keys.in_flight(batch.ref), claims)
    assert shards.lost([], [], now() - timedelta(seconds=5)) == [1]
