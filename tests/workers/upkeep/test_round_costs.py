"""What a round of the reconciler costs: it depends on the unfinished jobs, not on all jobs and streams ever made."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from benchmarks.counting import CountedStore, num_commands
from contracts.base import now
from contracts.batches import BatchRequest
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.jobs import JobStatus, Tombstone
from state import keys, records, redis_keys
from state.batches.shards import BatchShards
from tests.workers.scene import Scene
from workers.runtime.machine import Machine
from workers.upkeep.reconcile import Reconciler


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Return a machine whose store counts its requests."""
    return dataclasses.replace(machine, store=CountedStore.empty())


@contextmanager
def counting(machine: Machine) -> Iterator[Counter[str]]:
    """Count the requests to the store, and the commands of Redis as `commands`."""
    assert isinstance(machine.store, CountedStore)
    before = num_commands(machine.ledger.redis)
    with machine.store.counting() as counted:
        yield counted
    counted["commands"] = num_commands(machine.ledger.redis) - before


def cost_of_a_round(machine: Machine) -> Counter[str]:
    """Return the requests and commands of a later round: the first one fills the lists."""
    reconciler = Reconciler(machine)
    for _ in range(2 + len(machine.kinds.listed_nouns)):  # until each list was compared
        reconciler.reconcile()
    machine.ledger.redis.delete(redis_keys.lock("sweep:default"))
    with counting(machine) as counted:
        reconciler.reconcile()
    return counted


def copies(scene: Scene, fit: FitRequest, count: int) -> list[FitRequest]:
    """Store copies of a fit's request under new ids."""
    requests = [
        fit.model_copy(update={"id": new_id("fit"), "created_at": now() - timedelta(minutes=1)})
        for _ in range(count)
    ]
    for request in requests:
        records.write(scene.machine.store, keys.job_request(request.ref), request)
    return requests


def test_ended_jobs_cost_nothing(scene: Scene) -> None:
    """A round does not read them, list them or ask Redis about them."""
    fit, costs = scene.request_fit(), []
    kind = scene.machine.kinds.of(fit.ref)
    for count in (3, 60):
        for one in (fit, *copies(scene, fit, count)):
            manifest = records.ended_without_result(kind.manifest, JobStatus.CANCELLED, None)
            records.create(scene.machine.store, keys.job_manifest(one.ref), manifest)
        costs.append(cost_of_a_round(scene.machine))
    assert costs[0] == costs[1]
    assert costs[0]["get"] == 0


def test_deleted_streams_cost_nothing(scene: Scene) -> None:
    """Their tombstones stay forever, and no sweep visits them."""
    costs = []
    for count in (2, 40):
        for _ in range(count):
            key = keys.tombstone("default", "streams", new_id("stream"))
            records.write(scene.machine.store, key, Tombstone(deleted_at=now()))
        costs.append(cost_of_a_round(scene.machine))
    assert costs[0] == costs[1]


def test_an_unfinished_batch_costs_the_same_at_any_size(scene: Scene) -> None:
    """Redis counts its shards, so a round lists none of them."""
    fit, costs = scene.fit(), []
    for num_shards in (8, 4_096):
        batch = scene.request_batch(fit, n=num_shards, shard_size=1)
        older = batch.model_copy(update={"created_at": now() - timedelta(minutes=1)})
        records.write(scene.machine.store, keys.job_request(batch.ref), older)
        assert isinstance(older, BatchRequest)
        BatchShards(scene.machine.store, scene.machine.ledger, older).correct(range(num_shards - 4))
        costs.append(cost_of_a_round(scene.machine))
        scene.machine.store.delete(keys.job_request(batch.ref))
        scene.machine.redis.flushall()
    assert costs[0]["list"] == costs[1]["list"]
    assert costs[1]["get"] == costs[0]["get"]
    assert costs[1]["commands"] < costs[0]["commands"] + 20


def test_an_unfinished_job_costs_few_requests(scene: Scene) -> None:
    """Three reads for each job that waits in its queue, and no HEAD."""
    copies(scene, scene.request_fit(), 50)
    cost = cost_of_a_round(scene.machine)
    assert cost["get"] <= 3 * 51
    assert cost["head"] < 40
    assert cost["list"] < 40
