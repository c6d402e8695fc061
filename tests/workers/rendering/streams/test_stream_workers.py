"""A stream and worker processes that are killed: the shard is still rendered."""

import pytest

from contracts.base import now
from contracts.batches import ShardRecord
from contracts.ids import new_id
from contracts.recipes.recipe import Recipe
from contracts.streams import StreamRequest
from examples.demo.stack import Stack
from state import keys, records
from state.on_demand.ledger import OnDemandLedger
from state.stream_readers import StreamReaders
from tests.workers.rendering.streams.test_streams import READ, queue
from tests.workers.scene import Scene
from tests.workers.upkeep.test_lost_workers import (  # noqa: F401 - fixtures
    reconcile_until,
    scene,
    stack,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_shard_is_taken_over_from_a_dead_worker(
    stack: Stack,  # noqa: F811 - a fixture
    scene: Scene,  # noqa: F811 - a fixture
) -> None:
    """After SIGKILL in mid-shard, another worker renders the shard, and its claim ends."""
    batch = scene.request_batch(scene.fit())  # for its pinned fit
    recipe = batch.model_dump(include=set(Recipe.model_fields))
    own = {"id": new_id("stream"), "created_at": now(), "shard_size": 200, "kind": "stream"}
    stream = StreamRequest.model_validate(recipe | own)
    store, ledger = scene.machine.store, scene.machine.ledger
    records.write(store, keys.stream_request(stream.ref), stream)
    StreamReaders(ledger).note_request(stream.ref, 0, READ)
    queue(scene, stream, 0)
    stack.start_worker("generate", "first")
    until(lambda: "item started" in stack.log_of("first"), "the start of the shard")
    stack.kill("first")
    key = keys.shard_record(stream.ref, 0)
    assert store.head(key) is None
    stack.start_worker("generate", "second")
    reconcile_until(scene, lambda: store.head(key) is not None, "the shard")
    record = records.read(store, key, ShardRecord)
    assert record is not None
    assert record.num_samples == 200
    claims = OnDemandLedger(ledger)
    reconcile_until(scene, lambda: claims.all_claims() == {}, "the end of the claim")
