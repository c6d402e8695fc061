"""A batch from its request to its manifest, shard by shard, in this process."""

import dataclasses
import json

import numpy as np
import pytest

from contracts import keys, records
from contracts.batches import BatchRequest, Pilot, ShardRecord
from contracts.fits import FitRequest
from contracts.jobs import JobStatus, ShardRef
from tests.workers.scene import Scene
from workers import batches
from workers.images import decode_mask
from workers.micro_batches import MicroBatches
from workers.queues import open_queue


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """A fit that has succeeded."""
    return scene.fit()


def render(scene: Scene, batch: BatchRequest) -> None:
    """All shards of a batch, one after another, as one worker would."""
    for index in range(batch.num_shards):
        batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)


def queued(scene: Scene) -> list[str]:
    """The RQ ids that wait in the queue of the renderers."""
    return open_queue(scene.machine.redis, "generate").get_job_ids()


def attempts(files: dict[str, bytes]) -> dict[str, int]:
    """Which candidate stands for each sample."""
    return {
        name: json.loads(data)["attempt"] for name, data in files.items() if name.endswith(".json")
    }


def equal_pixels(first: dict[str, bytes], second: dict[str, bytes]) -> float:
    """The share of label pixels that are equal."""
    names = [name for name in first if name.endswith(".mask.png")]
    same = [decode_mask(first[name]) == decode_mask(second[name]) for name in names]
    return float(np.mean(same))


def test_the_manifest_pins_every_shard(scene: Scene, fit: FitRequest) -> None:
    """Whoever finds all records present writes it, with counts that add up."""
    batch = scene.ask_batch(fit, n=7, shard_size=4)
    render(scene, batch)
    manifest = scene.batch_manifest(batch.ref)
    assert manifest.status is JobStatus.SUCCEEDED
    assert [shard.num_samples for shard in manifest.shards] == [4, 3]
    assert sum(manifest.class_pixels) == 7 * 32 * 32
    assert len(scene.shard_files(batch)) == 7 * 4


def test_a_shard_rendered_twice_keeps_its_first_record(scene: Scene, fit: FitRequest) -> None:
    """A late twin of a killed worker changes nothing."""
    batch = scene.ask_batch(fit, n=8, shard_size=4)
    shard = ShardRef(batch=batch.ref, index=0)
    batches.run_shard(scene.machine, str(shard), 1)
    first = records.read(scene.machine.store, keys.shard_record(batch.ref, 0), ShardRecord)
    batches.run_shard(scene.machine, str(shard), 2)
    again = records.read(scene.machine.store, keys.shard_record(batch.ref, 0), ShardRecord)
    assert again == first


def test_a_shard_is_the_same_bytes_when_rendered_again(scene: Scene, fit: FitRequest) -> None:
    """On one machine at one precision: the same digest, although the record was lost in between."""
    batch = scene.ask_batch(fit, n=4, shard_size=4)
    render(scene, batch)
    first = scene.batch_manifest(batch.ref).shards[0].tar.sha256
    for key in (keys.shard_record(batch.ref, 0), keys.job_manifest(batch.ref)):
        scene.machine.store.delete(key)
    render(scene, batch)
    assert scene.batch_manifest(batch.ref).shards[0].tar.sha256 == first


@pytest.mark.slow
def test_samples_do_not_depend_on_how_they_are_rendered(scene: Scene, fit: FitRequest) -> None:
    """Other micro-batch, other shard size: the same accepted candidates, and at least 99.9% equal label pixels."""
    one = scene.ask_batch(fit, n=24, shard_size=24, drop_share=0.5)
    batches.run_pilot(scene.machine, str(one.ref), 1)
    render(scene, one)
    other_settings = scene.machine.settings.model_copy(update={"micro_batch": 5})
    other_machine = dataclasses.replace(
        scene.machine, settings=other_settings, micro_batches=MicroBatches(5)
    )
    other = Scene(other_machine)
    two = other.ask_batch(fit, n=24, shard_size=7, drop_share=0.5)
    render(other, two)
    first, second = scene.shard_files(one), other.shard_files(two)
    assert attempts(first) == attempts(second)
    assert any(attempt > 0 for attempt in attempts(first).values())
    assert equal_pixels(first, second) >= 0.999


@pytest.mark.slow
def test_a_filter_keeps_only_what_is_certain_enough(scene: Scene, fit: FitRequest) -> None:
    """The pilot's quantile is the threshold; the counts show what was dropped."""
    batch = scene.ask_batch(fit, n=8, shard_size=8, drop_share=0.5)
    batches.run_pilot(scene.machine, str(batch.ref), 1)
    render(scene, batch)
    key = keys.pilot("default", fit.id, batch.truncation)
    pilot = records.read(scene.machine.store, key, Pilot)
    assert pilot is not None
    shard = scene.batch_manifest(batch.ref).shards[0]
    scores = [json.loads(v)["score"] for k, v in scene.shard_files(batch).items() if ".json" in k]
    assert shard.threshold == pilot.threshold(0.5)
    assert max(scores) <= pilot.threshold(0.5) + 1e-6
    assert shard.num_candidates > shard.num_samples


def test_a_batch_without_its_pilot_fails_and_says_so(scene: Scene, fit: FitRequest) -> None:
    """A shard never renders with a threshold of its own making."""
    batch = scene.ask_batch(fit, n=4, drop_share=0.1)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    error = scene.batch_manifest(batch.ref).error
    assert error is not None
    assert error.code == "input_missing"


def test_a_finished_shard_queues_the_next(scene: Scene, fit: FitRequest) -> None:
    """A few shards are under way at a time, however many the batch has."""
    batch = scene.ask_batch(fit, n=10, shard_size=1)
    batches.queue_next(scene.machine, batch)
    assert len(queued(scene)) == scene.machine.settings.shards_in_flight_per_worker
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    assert [rq_id.split("-")[1] for rq_id in queued(scene)] == ["000000", "000001", "000002"]


def test_a_cancelled_batch_ends_at_its_next_shard(scene: Scene, fit: FitRequest) -> None:
    """The shard that was begun is not finished, and nothing more is queued."""
    batch = scene.ask_batch(fit, n=8, shard_size=4)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    scene.cancel(batch.ref)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=1)), 1)
    manifest = scene.batch_manifest(batch.ref)
    assert manifest.status is JobStatus.CANCELLED
    assert manifest.shards == ()


def test_a_deleted_batch_is_left_alone(scene: Scene, fit: FitRequest) -> None:
    """After the tombstone nothing is written."""
    batch = scene.ask_batch(fit, n=4, shard_size=4)
    prefix = keys.job_prefix(batch.ref)
    tombstone = keys.job_tombstone(batch.ref)
    records.delete_objects(
        scene.machine.store,
        prefix,
        tombstone_key=tombstone,
        first=keys.job_request(batch.ref),
    )
    render(scene, batch)
    assert [found.key for found in scene.machine.store.list(prefix)] == [tombstone]


def test_a_batch_tells_once_that_it_runs(scene: Scene, fit: FitRequest) -> None:
    """It begins with each of its shards, but its listeners hear of it once."""
    batch = scene.ask_batch(fit, n=8, shard_size=4)
    render(scene, batch)
    events = scene.machine.ledger.events(batch.ref)
    assert [event.data["status"] for event in events if event.type == "status"] == ["running"]
