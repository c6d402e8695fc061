"""A shard as it comes to lie in the store: whole, once, and named by its record."""

import pytest

from contracts.batches import BatchRequest, ShardRecord
from state import keys, records
from tests.workers.scene import Scene
from workers.rendering.shards import ShardPlace, render_shard, store_record


@pytest.fixture
def batch(scene: Scene) -> BatchRequest:
    """Four samples in one shard, asked for and not rendered."""
    return scene.ask_batch(scene.fit(), n=4, shard_size=4)


def rendered(scene: Scene, batch: BatchRequest) -> ShardRecord:
    """The first shard, with its tar in the store."""
    place = ShardPlace(batch.ref, 0, batch.samples(0))
    return render_shard(scene.machine, batch, place, watch=lambda _: None)


def stored(scene: Scene, batch: BatchRequest) -> set[str]:
    """The keys of all that the batch's shards have in the store."""
    return {found.key for found in scene.machine.store.list(keys.shards_prefix(batch.ref))}


def test_a_twin_that_comes_later_leaves_nothing(scene: Scene, batch: BatchRequest) -> None:
    """The first record and its tar stay; the other tar, of the same bytes, is deleted."""
    first, second = rendered(scene, batch), rendered(scene, batch)
    assert first.tar.key != second.tar.key
    assert first.tar.sha256 == second.tar.sha256
    for record in (first, second):
        store_record(scene.machine, batch.ref, record)
    key = keys.shard_record(batch.ref, 0)
    assert records.read(scene.machine.store, key, ShardRecord) == first
    assert stored(scene, batch) == {key, first.tar.key}


class CancelledError(Exception):
    """The batch was cancelled."""


def test_a_shard_that_is_not_finished_leaves_nothing(scene: Scene, batch: BatchRequest) -> None:
    """No tar, no part of one, whatever had been sent."""

    def cancel(num_samples: int) -> None:
        raise CancelledError

    place = ShardPlace(batch.ref, 0, batch.samples(0))
    with pytest.raises(CancelledError):
        render_shard(scene.machine, batch, place, watch=cancel)
    assert stored(scene, batch) == set()
