"""A shard in the store: complete, stored once, and pinned by its record."""

import pytest

from contracts.batches import BatchRequest, ShardRecord
from contracts.ids import new_id
from contracts.streams import StreamRef
from state import keys, records
from state.usage import notes
from tests.workers.scene import Scene
from workers.rendering.shards import ShardSpec, render_shard, store_record


@pytest.fixture
def batch(scene: Scene) -> BatchRequest:
    """Return a batch of four samples in one shard, not rendered yet."""
    return scene.request_batch(scene.fit(), n=4, shard_size=4)


def rendered(scene: Scene, batch: BatchRequest) -> ShardRecord:
    """Render the first shard and store its tar; return its record."""
    spec = ShardSpec(batch.ref, 0, batch.samples(0))
    return render_shard(scene.machine, batch, spec, on_step=lambda _: None)


def stored(scene: Scene, batch: BatchRequest) -> set[str]:
    """Return the keys of all objects of the batch's shards."""
    return {each.key for each in scene.machine.store.list(keys.shards_prefix(batch.ref))}


def test_a_second_rendering_leaves_no_object(scene: Scene, batch: BatchRequest) -> None:
    """The first record stays with its tar; the second tar, with the same bytes, is deleted."""
    first, second = rendered(scene, batch), rendered(scene, batch)
    assert first.tar.key != second.tar.key
    assert first.tar.sha256 == second.tar.sha256
    for record in (first, second):
        store_record(scene.machine.store, batch.ref, record)
    key = keys.shard_record(batch.ref, 0)
    assert records.read(scene.machine.store, key, ShardRecord) == first
    assert stored(scene, batch) == {key, first.tar.key}


class CancelledError(Exception):
    """The batch was cancelled."""


def test_an_unfinished_shard_leaves_no_object(scene: Scene, batch: BatchRequest) -> None:
    """Neither a tar nor a part of one stays, even if parts were sent."""

    def cancel(num_samples: int) -> None:
        raise CancelledError

    spec = ShardSpec(batch.ref, 0, batch.samples(0))
    with pytest.raises(CancelledError):
        render_shard(scene.machine, batch, spec, on_step=cancel)
    assert stored(scene, batch) == set()


def test_a_rendered_shard_is_usage(scene: Scene, batch: BatchRequest) -> None:
    """Its pairs and bytes are in the next note of the worker. Those of a stream are requested by the rendering."""
    meter, store = scene.machine.usage, scene.machine.store
    meter.store(store)
    before = notes.of_day(store, batch.tenant, notes.today())
    record = rendered(scene, batch)
    meter.store(store)
    used = notes.of_day(store, batch.tenant, notes.today())
    assert used.pairs - before.pairs == record.num_samples
    assert used.written_bytes - before.written_bytes == record.tar.num_bytes
    assert used.requested_pairs == 0
    spec = ShardSpec(StreamRef(tenant=batch.tenant, id=new_id("stream")), 0, range(2))
    render_shard(scene.machine, batch, spec, on_step=lambda _: None)
    meter.store(store)
    assert notes.of_day(store, batch.tenant, notes.today()).requested_pairs == 2
