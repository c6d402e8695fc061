"""The order of the admission, simulated: who waits how long beside whom."""

from collections.abc import Callable

import pytest

from contracts.ids import DEFAULT_TENANT, RqId
from contracts.streams import StreamRef
from state import redis_keys
from state.admission.parts import Part, publish
from tests.state.admission.simulation import CLOCKS, SHARD_SIZE, Simulation

Simulate = Callable[[int], Simulation]


def beside_batches(queue: Simulation, number: int = 200) -> None:
    """Queue batches of 256, and let the workers work on some of them."""
    for _ in range(number):
        queue.batch(256)
    for _ in range(5):
        queue.step()


def test_eight_pairs_wait_for_two_shards(simulate: Simulate) -> None:
    """Beside 200 batches of the same tenant: the shard that runs, the one that RQ has, then the 8 pairs."""
    queue = simulate(1)
    beside_batches(queue)
    began = queue.seconds
    assert queue.finish(queue.batch(8)) - began <= 8 + 2 * SHARD_SIZE


@pytest.mark.parametrize("num_workers", [1, 3])
def test_a_batch_that_a_caller_waits_for_takes_twice_its_time(
    simulate: Simulate, num_workers: int
) -> None:
    """256 pairs with `Prefer: wait` beside 200 batches of 256: at most twice the idle time, and two shards."""
    queue = simulate(num_workers)
    beside_batches(queue)
    began = queue.seconds
    assert queue.finish(queue.batch(256, wait=60)) - began <= 2 * 256 + 2 * SHARD_SIZE


def test_a_long_batch_that_a_caller_waits_for_takes_twice_its_time(simulate: Simulate) -> None:
    """Also with many shards: it gets two thirds of the worker."""
    queue = simulate(1)
    beside_batches(queue)
    began = queue.seconds
    batch = queue.batch(20 * SHARD_SIZE, wait=60)
    assert queue.finish(batch) - began <= (2 * 20 + 2) * SHARD_SIZE


def test_another_tenant_gets_half(simulate: Simulate) -> None:
    """Its 256 pairs take at most twice the idle time and two shards, beside 200 batches of the first."""
    queue = simulate(1)
    beside_batches(queue)
    began = queue.seconds
    assert queue.finish(queue.batch(2 * 256, "another")) - began <= (2 * 2 + 2) * SHARD_SIZE


def test_the_first_entries_of_a_tenant_count(simulate: Simulate) -> None:
    """RQ took two shards of ada while nothing else waited. So the 8 pairs of bob are before her third one."""
    queue = simulate(1)
    for _ in range(50):
        queue.batch(256, "ada")
    began = queue.seconds
    assert queue.finish(queue.batch(8, "bob")) - began <= 8 + 2 * SHARD_SIZE


@pytest.mark.parametrize("num_workers", [1, 3])
def test_two_tenants_share_equally(simulate: Simulate, num_workers: int) -> None:
    """40 batches of one and a long batch of the other get the same time within 10%, once both wait."""
    queue = simulate(num_workers)
    for _ in range(40):
        queue.batch(2 * SHARD_SIZE, "ada")
    queue.batch(100 * SHARD_SIZE, "bob")
    for _ in range(num_workers + 1):  # of ada, who was alone before
        queue.step()
    before = queue.served_to("ada")
    for _ in range(60):
        queue.step()
    ada, bob = queue.served_to("ada") - before, queue.served_to("bob")
    assert abs(ada - bob) <= 0.1 * bob


@pytest.mark.parametrize("num_workers", [1, 4])
@pytest.mark.parametrize("factor", [0.1, 3])
def test_wrong_predictions_do_not_change_the_parts(
    simulate: Simulate, num_workers: int, factor: float
) -> None:
    """Batches of ada are predicted too short or too long, each of them. Both tenants get the same time within 10%."""
    queue = simulate(num_workers)
    for _ in range(200):
        queue.batch(2 * SHARD_SIZE, "ada", predicted=factor * SHARD_SIZE)
        queue.batch(2 * SHARD_SIZE, "bob")
    for _ in range(200):
        queue.step()
    ada, bob = queue.served_to("ada"), queue.served_to("bob")
    assert abs(ada - bob) <= 0.1 * bob


def test_readers_keep_their_part_when_batches_take_longer(simulate: Simulate) -> None:
    """Shards of the batch take ten times as long as predicted. The reader still gets two thirds of the time."""
    queue = simulate(1)
    batch, stream = queue.batch(1_000 * SHARD_SIZE, predicted=SHARD_SIZE / 10), queue.stream()
    for index in range(100):
        queue.read(stream, index)
    for _ in range(60):
        queue.step()
    assert queue.served[batch] / queue.served.total() == pytest.approx(1 / 3, abs=0.05)


def test_a_large_request_beside_200_batches_gets_half(simulate: Simulate) -> None:
    """2,560 pairs of another tenant take twice the idle time, and two shards."""
    queue = simulate(2)
    beside_batches(queue)
    began = queue.seconds
    batch = queue.batch(2_560, "another")
    assert queue.finish(batch) - began <= (2 * 2_560 / 2) + 2 * SHARD_SIZE


@pytest.mark.parametrize("num_workers", [1, 3])
def test_a_weight_of_two_gets_two_thirds(simulate: Simulate, num_workers: int) -> None:
    """The weight multiplies the tenant's part."""
    queue = simulate(num_workers)
    publish(queue.ledger, {"ada": Part(weight=2)})
    for tenant in ("bob", "ada"):
        queue.batch(200 * SHARD_SIZE, tenant)
    for _ in range(90):
        queue.step()
    assert queue.served_to("ada") / queue.served.total() == pytest.approx(2 / 3, abs=0.05)


def test_a_tenant_alone_gets_all_workers(simulate: Simulate) -> None:
    """Weights only divide what several tenants need: the time of one with a low weight is as without."""
    queue = simulate(2)
    publish(queue.ledger, {"ada": Part(weight=0.1)})
    assert queue.finish(queue.batch(10 * SHARD_SIZE, "ada")) == 5 * SHARD_SIZE


def test_a_limited_tenant_leaves_workers_free(simulate: Simulate) -> None:
    """It has at most 600 s in RQ, so two shards of 256 s, however many workers are idle. Others get the rest."""
    queue = simulate(4)
    publish(queue.ledger, {"ada": Part(most_seconds=600)})
    queue.batch(20 * SHARD_SIZE, "ada")
    assert queue.num_handed() == 2
    queue.batch(100 * SHARD_SIZE, "bob")
    for _ in range(20):
        queue.step()
        assert queue.num_handed("ada") == 2
        assert queue.num_handed() == 5


def test_a_limit_admits_one_entry_always(simulate: Simulate) -> None:
    """A shard that needs more than the limit alone is rendered, or its job would never end."""
    queue = simulate(4)
    publish(queue.ledger, {"ada": Part(most_seconds=1)})
    assert queue.finish(queue.batch(3 * SHARD_SIZE, "ada")) == 3 * SHARD_SIZE


def test_a_tenant_works_on_a_limited_number_of_jobs(simulate: Simulate) -> None:
    """A second job waits until the first has ended, also if it is awaited; the first may use all workers."""
    queue = simulate(3)
    publish(queue.ledger, {"ada": Part(most_jobs=1)})
    first = queue.batch(8 * SHARD_SIZE, "ada")
    second = queue.batch(8, "ada", wait=60)
    assert queue.num_handed("ada") == 4
    queue.finish(first)
    assert queue.served[second] == 0
    queue.finish(second)


def test_limits_end_with_their_rows(simulate: Simulate) -> None:
    """The next pick follows the new parts, and keeps no account of the tenant."""
    queue = simulate(3)
    publish(queue.ledger, {"ada": Part(most_seconds=1)})
    batch = queue.batch(20 * SHARD_SIZE, "ada")
    assert queue.num_handed() == 1
    publish(queue.ledger, {})
    queue.step()
    assert queue.num_handed() == 4
    queue.finish(batch)
    assert queue.ledger.redis.keys("handsoff:admission:*") == [CLOCKS]
    assert queue.ledger.redis.ttl(CLOCKS) > 0


@pytest.mark.parametrize("text", ["", "x", "nan - -", "-1 - -", "0 0 0 0", "1 x y"])
def test_an_unreadable_part_counts_as_none(simulate: Simulate, text: str) -> None:
    """Another program may write Redis."""
    queue = simulate(1)
    queue.ledger.redis.hset(redis_keys.TENANT_PARTS, DEFAULT_TENANT, text)
    assert queue.finish(queue.batch(2 * SHARD_SIZE)) == 2 * SHARD_SIZE


def test_jobs_of_a_tenant_have_equal_parts(simulate: Simulate) -> None:
    """Two long batches advance together; the first one had the workers and RQ's place alone for a moment."""
    queue = simulate(2)
    first, second = queue.batch(100 * 256), queue.batch(100 * 256)
    for _ in range(60):
        queue.step()
    assert abs(queue.served[first] - queue.served[second]) <= 4 * SHARD_SIZE


def test_many_short_jobs_do_not_stop_a_long_one(simulate: Simulate) -> None:
    """A batch of 256 keeps its part beside batches of 8 that arrive all the time."""
    queue = simulate(1)
    long = queue.batch(256)
    queue.step()  # the worker has the first shard; the next one competes
    long = queue.batch(256)

    def another(rq_id: RqId) -> None:
        if rq_id.owner != long:
            queue.batch(8)

    queue.on_end = another
    for _ in range(3):
        queue.batch(8)
    assert queue.finish(long) - 256 <= 5 * 256


@pytest.mark.parametrize("num_workers", [1, 3])
def test_batches_keep_a_third_beside_greedy_readers(simulate: Simulate, num_workers: int) -> None:
    """Each of three readers requests the next shard and four more as soon as one is rendered."""
    queue = simulate(num_workers)
    streams = {(stream := queue.stream()).id: stream for _ in range(3)}
    next_index = dict.fromkeys(streams, 0)

    def read(stream: StreamRef) -> None:
        next_index[stream.id] += 1
        queue.read(stream, next_index[stream.id], ahead=next_index[stream.id] % 5 != 0)

    queue.on_end = lambda rq_id: read(streams[rq_id.owner]) if rq_id.owner in streams else None
    batch = queue.batch(1_000 * 256)
    for stream in streams.values():
        for _ in range(5):
            read(stream)
    for _ in range(120):
        queue.step()
    share = queue.served[batch] / queue.served.total()
    assert 0.3 < share < 0.45


def test_readers_alone_get_all_workers(simulate: Simulate) -> None:
    """A part that the batches do not use is not lost, and no debt remains when they begin."""
    queue = simulate(2)
    stream = queue.stream()
    for index in range(30):
        queue.read(stream, index)
    for _ in range(20):
        queue.step()
    assert queue.seconds == 10 * SHARD_SIZE
    batch = queue.batch(10 * 256)
    for _ in range(9):
        queue.step()
    assert 2 * SHARD_SIZE <= queue.served[batch] <= 3 * SHARD_SIZE


@pytest.mark.parametrize("num_workers", [1, 4])
def test_rq_has_one_entry_more_than_workers(simulate: Simulate, num_workers: int) -> None:
    """However much waits: then the next one can still be chosen, and no worker waits for it."""
    queue = simulate(num_workers)
    for _ in range(20):
        queue.batch(10 * 256)
        assert queue.num_handed() <= num_workers + 1
    for _ in range(50):
        queue.step()
        assert queue.num_handed() == num_workers + 1
