"""The shards of a batch, counted in a real Redis and confirmed in the store."""

from collections.abc import Callable

import pytest

from benchmarks.counting import CountedStore, num_bytes, num_commands
from contracts.batches import BatchRequest, ShardRecord
from contracts.jobs import JobStatus
from state import keys, records
from state.batches.shards import BatchShards
from state.ledger import Ledger

Record = Callable[[int], ShardRecord]


@pytest.fixture
def counted() -> CountedStore:
    """Return an empty store that counts its requests."""
    return CountedStore.empty()


def sized(request: BatchRequest, num_shards: int) -> BatchRequest:
    """Return the request of a batch with this number of shards."""
    return request.model_copy(update={"n": num_shards * request.shard_size})


def claimed(shards: BatchShards, max_in_flight: int) -> list[int]:
    """Claim shards and return their indices."""
    return [shard.index for shard, _ in shards.claim(max_in_flight)]


def test_the_lowest_shards_come_first(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """Shards that are neither finished nor in flight are claimed in order, up to the limit."""
    shards = BatchShards(counted, ledger, sized(batch_request, 20))
    assert claimed(shards, 3) == [0, 1, 2]
    assert claimed(shards, 3) == []
    for index in (1, 2, 9):
        shards.finish(index)
    assert claimed(shards, 99) == [index for index in range(3, 20) if index != 9]
    assert set(shards.in_flight()) == {0, *range(3, 20)} - {9}


def test_a_shard_is_claimed_once(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """A claimed shard is not claimed again before its release; then it is the next attempt."""
    shards = BatchShards(counted, ledger, sized(batch_request, 2))
    assert [attempt for _, attempt in shards.claim(2)] == [1, 1]
    shards.release(1)
    assert [(shard.index, attempt) for shard, attempt in shards.claim(2)] == [(1, 2)]


def test_bits_that_redis_lost_are_read_from_the_store(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest, shard_record: Record
) -> None:
    """The records of all finished shards count again, also those of shards that finish during the loss."""
    ref = batch_request.ref
    for index in (0, 1, 4):
        records.write(counted, keys.shard_record(ref, index), shard_record(index))
    shards = BatchShards(counted, ledger, batch_request)
    assert shards.count() == 3
    ledger.redis.flushall()
    assert shards.finish(4) == 3
    ledger.redis.flushall()
    assert claimed(shards, 9) == [2, 3]


@pytest.mark.parametrize("num_shards", [64, 100_000])
def test_a_finished_shard_costs_the_same_in_any_batch(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest, num_shards: int
) -> None:
    """It costs no request to the store, few commands, and a bit that stays: the batch may have any size."""
    request = sized(batch_request, num_shards)
    shards = BatchShards(counted, ledger, request)
    shards.correct(range(num_shards - 60))  # the last shards are the most expensive to find
    shards.claim(2)
    before, bytes_before = num_commands(ledger.redis), num_bytes(ledger.redis)
    with counted.counting() as requests:
        for index in range(num_shards - 60, num_shards - 10):
            shards.finish(index)
            shards.claim(2)
            shards.count()
    assert requests == {}
    assert (num_commands(ledger.redis) - before) / 50 < 32
    assert num_bytes(ledger.redis) - bytes_before < 100
    assert num_bytes(ledger.redis) < num_shards / 8 + 1_000


def test_an_ended_batch_leaves_no_bits(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """After the last event Redis has no bit, no claim and no attempt of it."""
    shards = BatchShards(counted, ledger, batch_request)
    shards.claim(1)
    ledger.publish_status(batch_request.ref, JobStatus.SUCCEEDED)
    assert ledger.redis.keys(f"*{batch_request.ref}") == [f"handsoff:events:{batch_request.ref}"]
