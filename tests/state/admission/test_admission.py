"""What waits in the admission: it is handed over once, survives the death of a process, and leaves when it must."""

from collections.abc import Callable

import pytest
import redis

from contracts.ids import DEFAULT_TENANT, RqId, new_id
from contracts.jobs import JobRef
from contracts.kinds import FIT
from contracts.streams import StreamShardRef
from state import redis_keys
from state.admission.admission import POLL
from state.admission.costs import Cost
from state.admission.items import call_item, range_items, read_range
from state.queues import Call, stream_call
from tests.state.admission.simulation import CLOCKS, LISTS, QUEUE, Simulation

Simulate = Callable[[int], Simulation]


def handed(queue: Simulation) -> list[str]:
    """Return the ids in RQ's list."""
    return [entry.decode() for entry in queue.jobs.lrange(LISTS.waiting, 0, -1)]  # type: ignore[union-attr]


def fit_call(number: int = 1) -> Call:
    """Return the call of a fit. Those with higher numbers are newer."""
    ref, task = JobRef(tenant=DEFAULT_TENANT, id=f"fit_{number:032x}"), FIT.tasks[0]
    return Call(task, str(ref), "fit", str(task.rq_id(ref, 1)))


def test_an_idle_queue_hands_a_call_over_at_once(simulate: Simulate) -> None:
    """Nothing waits where RQ has room."""
    queue, call = simulate(1), fit_call()
    queue.admission.put(call)
    assert queue.jobs.lrange("rq:queue:fit", 0, -1) == [call.rq_id.encode()]
    assert queue.admission.waiting("fit").rq_ids == []
    assert queue.admission.backlog("fit") == Cost(0, 0)


def test_the_oldest_of_equal_jobs_goes_first(simulate: Simulate) -> None:
    """Ids sort by time."""
    queue, calls = simulate(1), [fit_call(number) for number in range(4)]
    for call in calls:
        queue.admission.put(call)
    first, second, *others = (RqId.parse(call.rq_id) for call in calls)
    assert queue.admission.waiting("fit").rq_ids == others
    assert [
        queue.admission.position("fit", DEFAULT_TENANT, one.owner) for one in others if one
    ] == [2, 3]
    assert second is not None
    assert queue.admission.position("fit", DEFAULT_TENANT, second.owner) == 1
    assert first is not None
    queue.jobs.lpop("rq:queue:fit")
    assert queue.admission.position("fit", DEFAULT_TENANT, first.owner) is None


def test_a_batch_waits_as_one_entry(simulate: Simulate) -> None:
    """However many shards it has: Redis holds one range, and the backlog counts all of them."""
    queue = simulate(1)
    batch = queue.batch(4_096 * 256)
    items = f"{redis_keys.admission(QUEUE)}:items:{batch}"
    assert queue.ledger.redis.lrange(items, 0, -1) == ["R 2 4095"]
    assert queue.admission.waiting(QUEUE).has_shard(batch, 4_095)
    assert not queue.admission.waiting(QUEUE).has_shard(batch, 1)
    assert queue.admission.backlog(QUEUE).seconds == 4_094 * 256
    assert queue.admission.count_waiting(QUEUE) == 4_094


def test_any_shards_are_ranges() -> None:
    """The reconciler queues those that were lost."""
    items = range_items([7, 0, 1, 2, 5])
    assert items == ["R 0 2", "R 5 5", "R 7 7"]
    assert [list(read_range(item)) for item in items] == [[0, 1, 2], [5], [7]]
    assert not read_range("R x 2")


def test_the_rest_of_a_batch_is_predicted_from_its_shards(simulate: Simulate) -> None:
    """Its first shard takes ten times as long as predicted: the 8 that wait are predicted 3.7 times as long."""
    queue = simulate(1)
    queue.batch(11 * 256, predicted=25.6)
    assert queue.admission.backlog(QUEUE).seconds == pytest.approx(9 * 25.6)
    queue.step()
    assert queue.admission.backlog(QUEUE).seconds == pytest.approx(8 * 3.7 * 25.6)
    assert queue.admission.count_waiting(QUEUE) == 8


def test_an_entry_without_a_charge_is_not_corrected(simulate: Simulate) -> None:
    """Redis was wiped meanwhile, or an older version handed the entry over."""
    queue = simulate(1)
    queue.admission.correct(QUEUE, f"{new_id('batch')}-000000-1", 1e9)
    assert queue.ledger.redis.keys("handsoff:admission:*") == []


def test_work_that_leaves_is_not_counted(simulate: Simulate) -> None:
    """A cancelled batch leaves at once, with what RQ has of it, and the next one takes its place."""
    queue = simulate(1)
    batch, other = queue.batch(10 * 256), queue.batch(256)
    withdrawn = queue.admission.withdraw(QUEUE, batch)
    assert {rq_id.owner for rq_id in withdrawn} == {batch}
    assert handed(queue) == [f"{other}-000000-1"]
    assert queue.admission.backlog(QUEUE) == Cost(0, 0)
    queue.finish(other)
    assert queue.ledger.redis.keys("handsoff:admission:*") == [CLOCKS]
    assert queue.ledger.redis.ttl(CLOCKS) > 0


def test_a_call_that_waits_is_withdrawn_by_its_id(simulate: Simulate) -> None:
    """The reconciler ends a cancelled job when all its entries were withdrawn."""
    queue = simulate(1)
    *_, last = calls = [fit_call(number) for number in range(3)]
    for call in calls:
        queue.admission.put(call)
    rq_id = RqId.parse(last.rq_id)
    assert rq_id is not None
    assert queue.admission.withdraw("fit", rq_id.owner) == {rq_id}


def test_an_item_of_a_dead_process_is_handed_over(simulate: Simulate) -> None:
    """It was killed after it had picked the item. Until then the item counts as waiting, and takes a place of RQ."""
    queue, call = simulate(1), fit_call()
    handing = f"{redis_keys.admission('fit')}:handing"
    queue.admission.put(call)
    queue.jobs.flushdb()
    queue.ledger.redis.zadd(handing, {call_item(call): 1.0})
    assert [str(rq_id) for rq_id in queue.admission.waiting("fit").rq_ids] == [call.rq_id]
    queue.admission.pump("fit")
    assert queue.jobs.lrange("rq:queue:fit", 0, -1) == [call.rq_id.encode()]
    assert not queue.ledger.redis.exists(handing)


def test_an_item_that_a_dead_process_had_added_is_not_added_again(simulate: Simulate) -> None:
    """It was killed after RQ had the entry, which a worker may have taken since."""
    queue, call = simulate(1), fit_call()
    queue.admission.put(call)
    queue.jobs.lpop("rq:queue:fit")
    queue.ledger.redis.zadd(f"{redis_keys.admission('fit')}:handing", {call_item(call): 1.0})
    queue.admission.pump("fit")
    assert queue.jobs.llen("rq:queue:fit") == 0


def test_an_item_on_its_way_is_left_to_its_process(simulate: Simulate) -> None:
    """Another process that hands entries over at the same time does not take it."""
    queue, call = simulate(1), fit_call()
    queue.ledger.redis.zadd(f"{redis_keys.admission('fit')}:handing", {call_item(call): 4e9})
    queue.admission.pump("fit")
    assert queue.jobs.llen("rq:queue:fit") == 0


@pytest.mark.parametrize("item", ["", "C", "C []", "S 1", "S x y z", 'C {"function": "os.mkdir"}'])
def test_an_unreadable_item_is_dropped(simulate: Simulate, item: str) -> None:
    """Another program may write Redis. The next item is handed over."""
    queue, call = simulate(1), fit_call()
    queue.ledger.redis.zadd(f"{redis_keys.admission('fit')}:handing", {item: 1.0})
    queue.admission.put(call)
    assert queue.jobs.lrange("rq:queue:fit", 0, -1) == [call.rq_id.encode()]


def test_a_queue_of_the_wrong_type_is_reset(simulate: Simulate) -> None:
    """Until the reconciler resets it, each call fails."""
    queue = simulate(1)
    queue.ledger.redis.set(f"{redis_keys.admission('fit')}:tenants", "x")
    with pytest.raises(redis.ResponseError):
        queue.admission.pump("fit")
    queue.admission.reset("fit")
    queue.admission.put(fit_call())
    assert queue.jobs.llen("rq:queue:fit") == 1


def test_a_call_of_the_look_ahead_is_moved_once(simulate: Simulate) -> None:
    """A reader requests a shard that waits already: it goes before the rest of the look-ahead."""
    queue = simulate(1)
    stream = queue.stream()
    calls = [stream_call(StreamShardRef(stream=stream, index=index), 1) for index in range(6)]
    for call in calls:
        queue.admission.put(call, "ahead", Cost(1))
    for _ in range(2):
        queue.admission.promote(calls[4], Cost(1))
    waiting = [rq_id.shard for rq_id in queue.admission.waiting(QUEUE).rq_ids]
    assert waiting == [4, 2, 3, 5]
    assert queue.admission.backlog(QUEUE).seconds == 4


def test_a_wait_that_has_ended_counts_no_more(simulate: Simulate) -> None:
    """The batch returns to the others."""
    queue = simulate(1)
    *_, last = [queue.batch(256) for _ in range(4)]
    awaited = f"{redis_keys.admission(QUEUE)}:jobs:awaited:{DEFAULT_TENANT}"
    queue.admission.await_job(QUEUE, last, -1 - POLL.total_seconds())
    assert queue.ledger.redis.zrange(awaited, 0, -1) == [last]
    queue.admission.pump(QUEUE)
    assert not queue.ledger.redis.exists(awaited)
    assert last in queue.admission.waiting(QUEUE).shards
