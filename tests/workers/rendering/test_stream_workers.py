"""A stream, and worker processes that are killed: whoever waits for a shard still gets it."""

import pytest

from contracts.base import now
from contracts.batches import ShardRecord
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.streams import StreamRequest
from examples.demo.stack import Stack
from state import keys, records
from state.stream_ledger import StreamLedger
from tests.workers.rendering.test_streams import READ, queue
from tests.workers.scene import Scene
from tests.workers.upkeep.test_lost_workers import scene, stack, until  # noqa: F401 - fixtures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_shard_is_taken_over_from_a_dead_worker(
    stack: Stack,  # noqa: F811 - a fixture
    scene: Scene,  # noqa: F811 - a fixture
) -> None:
    """SIGKILL in mid-shard: another worker renders it, and the claim ends with it."""
    batch = scene.ask_batch(scene.fit())  # for its pinned fit
    own = {"id": new_id("stream"), "created_at": now(), "shard_size": 400, "kind": "stream"}
    recipe = batch.model_dump(exclude={"n", "kind", *own})
    stream = StreamRequest.model_validate({"tenant": DEFAULT_TENANT, **recipe, **own})
    store, ledger = scene.machine.store, StreamLedger(scene.machine.ledger)
    records.write(store, keys.stream_request(stream.ref), stream)
    ledger.asked(stream.ref, 0, READ)
    queue(scene, stream, 0)
    stack.start_worker("generate", "first")
    until(lambda: "shard begun" in stack.log_of("first"), "the shard to be begun")
    stack.kill("first")
    key = keys.shard_record(stream.ref, 0)
    assert store.head(key) is None
    stack.start_worker("generate", "second")
    stack.start_worker("reconcile")
    until(lambda: store.head(key) is not None, "the shard")
    record = records.read(store, key, ShardRecord)
    assert record is not None
    assert record.num_samples == 400
    until(lambda: ledger.claims(stream.ref) == {}, "the end of the claim")
