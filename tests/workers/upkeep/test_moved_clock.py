"""Times that were noted while the clock was an hour ahead delay nothing once it is right again."""

import time
from datetime import timedelta

import pytest
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


@pytest.mark.parametrize("kind", [StartedJobRegistry, ScheduledJobRegistry])
def test_a_call_does_not_wait_for_the_wrong_time(
    scene: Scene, kind: type[StartedJobRegistry] | type[ScheduledJobRegistry]
) -> None:
    """Neither that of a killed worker nor one that waits for its next attempt."""
    redis, fit = scene.machine.redis, queued_fit(scene)
    queue = open_queue(redis, "fit")
    rq_id, registry = f"{fit.id}-1", kind(queue=queue)
    redis.lrem(queue.key, 0, rq_id)
    entry = rq_id
    if kind is StartedJobRegistry:
        job = Job.fetch(rq_id, connection=redis, serializer=JSONSerializer)
        with redis.pipeline() as pipeline:
            entry = Execution.create(job, ttl=30, pipeline=pipeline).composite_key
            pipeline.execute()
    at = time.time()
    redis.zadd(registry.key, {entry: at + HOUR.total_seconds()})
    Reconciler(scene.machine).reconcile()
    assert at < redis.zscore(registry.key, entry) <= time.time() + 300


def test_a_shard_claimed_in_the_future_is_lost(scene: Scene) -> None:
    """Its call is in no queue: the worker that claimed it was killed."""
    machine, batch = scene.machine, scene.request_batch(scene.fit(), n=8, shard_size=4)
    shards = BatchShards(machine.store, machine.ledger, batch)
    claims = {0: now().timestamp(), 1: (now() + HOUR).timestamp()}
    machine.ledger.redis.zadd(redis_keys.in_flight(batch.ref), claims)
    assert shards.lost([], [], now() - timedelta(seconds=5)) == [1]
