"""The shards of a batch, counted in a real Redis and confirmed in the store."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from benchmarks.counting import CountedStore, num_bytes, num_commands
from contracts.base import now
from contracts.batches import BatchRequest, ShardRecord
from contracts.jobs import JobStatus
from state import keys, records, redis_keys
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


def test_lost_shards_are_those_that_nothing_has(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest, shard_record: Record
) -> None:
    """They are neither finished, nor waiting, nor queued, nor handed over a moment ago."""
    request = sized(batch_request, 9)
    ref, shards = request.ref, BatchShards(counted, ledger, request)
    records.write(counted, keys.shard_record(ref, 0), shard_record(0))
    shards.finish(0)
    for index in (1, 2, 3):
        ledger.claim_shard(ref, index)
    ledger.redis.zadd(redis_keys.in_flight(ref), {"2": 1.0, "3": 1.0})
    a_minute_ago = now() - timedelta(minutes=1)
    assert shards.lost([3], [range(5, 7), range(7, 8)], a_minute_ago) == [2, 4, 8]


def test_nothing_is_listed_while_nothing_is_lost(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """A round of the reconciler costs no request for a batch that advances."""
    request = sized(batch_request, 1_000)
    shards = BatchShards(counted, ledger, request)
    shards.correct(range(500))
    ledger.claim_shard(request.ref, 500)
    with counted.counting() as requests:
        assert shards.lost([500], [range(501, 1_000)], now()) == []
    assert requests == {}


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
    assert shards.count() == 3


@pytest.mark.parametrize("num_shards", [64, 100_000])
def test_a_finished_shard_costs_the_same_in_any_batch(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest, num_shards: int
) -> None:
    """It costs no request to the store, few commands, and a bit that stays: the batch may have any size."""
    request = sized(batch_request, num_shards)
    shards = BatchShards(counted, ledger, request)
    shards.correct(range(num_shards - 60))
    ledger.claim_shard(request.ref, num_shards - 1)
    before, bytes_before = num_commands(ledger.redis), num_bytes(ledger.redis)
    with counted.counting() as requests:
        for index in range(num_shards - 60, num_shards - 10):
            ledger.claim_shard(request.ref, index)
            shards.finish(index)
            shards.count()
    assert requests == {}
    assert (num_commands(ledger.redis) - before) / 50 < 32
    assert num_bytes(ledger.redis) - bytes_before < 100
    # Allocators round up to the next class of sizes, by at most a quarter.
    assert num_bytes(ledger.redis) < num_shards / 8 * 1.25 + 1_000


def test_an_ended_batch_leaves_no_bits(
    counted: CountedStore, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """After the last event Redis has no bit, no claim and no attempt of it."""
    shards = BatchShards(counted, ledger, batch_request)
    ledger.claim_shard(batch_request.ref, 0)
    shards.count()
    ledger.publish_status(batch_request.ref, JobStatus.SUCCEEDED)
    assert ledger.redis.keys(f"*{batch_request.ref}") == [f"handsoff:events:{batch_request.ref}"]
