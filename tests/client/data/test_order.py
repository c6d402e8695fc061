"""The order of samples, and its division between any number of ranks and workers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handsoff_client.data.order import (
    Consumer,
    Deal,
    EndlessOrder,
    EvenSizes,
    Mix,
    ShardOrder,
    Tail,
    order_of,
    permutation,
)

SIZES = (6, 6, 2)


def dealt(deal: Deal, num_workers: int) -> list[list[list[int]]]:
    """Return the batches of each rank, in the order of a DataLoader that takes turns between its workers."""
    ranks = []
    for rank in range(deal.world_size):
        workers = [
            list(deal.batches(Consumer(rank, deal.world_size, worker, num_workers)))
            for worker in range(num_workers)
        ]
        ranks.append([workers[k % num_workers][k // num_workers] for k in range(deal.num_batches)])
    return ranks


@given(
    total=st.integers(0, 200),
    start=st.integers(0, 200),
    batch_size=st.integers(1, 9),
    world_size=st.integers(1, 5),
    num_workers=st.integers(1, 4),
    tail=st.sampled_from(["drop", "pad"]),
)
def test_every_position_is_used_once(
    *, total: int, start: int, batch_size: int, world_size: int, num_workers: int, tail: Tail
) -> None:
    """All ranks get the same number. `drop` drops fewer positions than ranks, `pad` repeats fewer than ranks."""
    start = min(start, total)
    deal = Deal(start, total, batch_size, world_size, tail)
    ranks = [
        [place for batch in batches for place in batch] for batches in dealt(deal, num_workers)
    ]
    everything = sorted(place for rank in ranks for place in rank)
    assert {len(rank) for rank in ranks} == {deal.num_samples}
    assert deal.num_dropped < world_size
    if tail == "drop":
        assert everything == list(range(start, total - deal.num_dropped))
    else:
        assert set(range(start, total)) <= set(everything)
        assert deal.num_dropped == 0
        assert len(everything) - (total - start) < world_size


@pytest.mark.parametrize(("world_size", "num_workers"), [(1, 1), (2, 2), (4, 1), (1, 3)])
def test_the_order_does_not_depend_on_ranks_and_workers(world_size: int, num_workers: int) -> None:
    """In each step, the batches of all ranks are the next positions of the order."""
    deal = Deal(0, 48, 12 // world_size, world_size)
    steps = zip(*dealt(deal, num_workers), strict=True)
    together = [[place for batch in step for place in batch] for step in steps]
    assert together == [list(range(begin, begin + 12)) for begin in range(0, 48, 12)]


def test_the_consumed_positions_are_one_number() -> None:
    """Any other number of ranks can continue from it."""
    deal = Deal(0, 50, batch_size=5, world_size=2)
    assert deal.consumed(15) == 30
    assert Deal(30, 50, batch_size=3, world_size=4).batch(0, rank=0) == [30, 31, 32]


def test_the_middle_of_a_batch_of_several_ranks_is_refused() -> None:
    """The consumed positions have gaps then. With one rank they never have."""
    with pytest.raises(ValueError, match="between two batches"):
        Deal(0, 50, batch_size=5, world_size=2).consumed(7)
    assert Deal(0, 50, batch_size=5).consumed(7) == 7


def test_an_order_has_every_sample_once() -> None:
    """It goes shard by shard, so that few shards are open at a time."""
    order = ShardOrder(SIZES, seed=1, epoch=0, shuffle=True)
    samples = [order[position] for position in range(len(order))]
    expected = [(shard, place) for shard, size in enumerate(SIZES) for place in range(size)]
    assert sorted(samples) == expected != samples
    assert [shard for shard, _ in samples] == sorted(
        (shard for shard, _ in samples), key=order.shards.index
    )


def test_an_order_without_shuffle_is_that_of_the_shards() -> None:
    """The position is the index."""
    order = ShardOrder(SIZES, seed=1, epoch=0, shuffle=False)
    assert [order[position] for position in (0, 5, 6, 13)] == [(0, 0), (0, 5), (1, 0), (2, 1)]
    assert order.next_shards(0, 5) == [1, 2]


def test_another_epoch_has_another_order() -> None:
    """The same epoch always has the same order: these numbers must never change."""
    assert permutation(6, seed=1, epoch=0, stream=0) == [3, 5, 2, 0, 1, 4]
    assert permutation(6, seed=1, epoch=1, stream=0) != permutation(6, seed=1, epoch=0, stream=0)


@given(st.integers(1, 60), st.integers(1, 9), st.fractions(0, Fraction(9, 10)))
def test_a_mixture_has_every_synthetic_sample_once(
    num_synthetic: int, num_real: int, share: Fraction
) -> None:
    """Real samples are spread evenly: in any beginning, their number differs from the share by less than one."""
    mix = Mix(num_synthetic, num_real, share)
    synthetic = [mix.synthetic(q) for q in range(len(mix)) if mix.real(q) is None]
    assert synthetic == list(range(num_synthetic))
    real = [mix.real(q) for q in range(len(mix)) if mix.real(q) is not None]
    assert real == list(range(int(len(mix) * share)))


def test_an_endless_order_goes_shard_by_shard() -> None:
    """The service renders ahead in this order. Samples are shuffled only inside their shard."""
    order = order_of(EvenSizes(10**8, 10), seed=3, epoch=0, shuffle=True)
    assert isinstance(order, EndlessOrder)
    assert len(order) == 10**9
    samples = [order[position] for position in range(20)]
    assert [shard for shard, _ in samples] == [0] * 10 + [1] * 10
    for half in (samples[:10], samples[10:]):
        places = [place for _, place in half]
        assert sorted(places) == list(range(10))
        assert places != sorted(places)
    assert order.next_shards(5, 2) == [1, 2]
    assert order.next_shards(10**9 - 1, 2) == []


@pytest.mark.parametrize("position", [0, 7, 23])
def test_an_endless_order_without_shuffle_is_that_of_a_batch(position: int) -> None:
    """The result is the same, without a list of all shards."""
    endless = order_of(EvenSizes(4, 6), seed=0, epoch=0, shuffle=False)
    listed = order_of((6,) * 4, seed=0, epoch=0, shuffle=False)
    assert endless[position] == listed[position]
    assert endless.next_shards(position, 2) == listed.next_shards(position, 2)
