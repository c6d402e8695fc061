"""Which sample is whose: one order of an epoch for everybody, dealt out to ranks and their loaders' workers.

The order depends on seed and epoch alone, never on how many read it. So what a job has consumed is a beginning of the
order, one number, and it may go on with another number of ranks or workers. Pure arithmetic: nothing is read here.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Literal, Protocol, overload

import numpy as np

Tail = Literal["drop", "pad"]


@dataclass(frozen=True)
class Consumer:
    """One of `world_size` x `num_workers` that share an epoch: worker `worker` of rank `rank`."""

    rank: int = 0
    world_size: int = 1
    worker: int = 0
    num_workers: int = 1


@dataclass(frozen=True)
class Deal:
    """How the positions `start` to `total` of an order become batches.

    Round k gives each rank the next `batch_size` positions, one after the other: contiguous, so a batch lies in one
    shard or two. The last round is divided evenly; what is left then, fewer positions than ranks, is dropped, or
    padded with positions from the order's beginning, so that every rank has equally many.
    """

    start: int
    total: int
    batch_size: int
    world_size: int = 1
    tail: Tail = "drop"

    @property
    def num_batches(self) -> int:
        """How many batches every rank has."""
        full, rest = divmod(self.total - self.start, self.world_size * self.batch_size)
        return full + (self._share(rest) > 0)

    @property
    def num_samples(self) -> int:
        """How many samples every rank has."""
        return self._share(self.total - self.start)

    @property
    def num_left(self) -> int:
        """How many positions nobody gets: fewer than ranks, and none with `pad`."""
        return max(0, self.total - self.start - self.world_size * self.num_samples)

    def batch(self, number: int, rank: int) -> list[int]:
        """The positions of one batch of one rank."""
        begin = self.start + number * self.world_size * self.batch_size
        size = min(self.batch_size, self._share(self.total - begin))
        first = begin + rank * size
        return [
            place if place < self.total else place % self.total
            for place in range(first, first + size)
        ]

    def batches(self, consumer: Consumer) -> Iterator[list[int]]:
        """The batches of one worker: every `num_workers`-th of its rank's, as a DataLoader asks its workers in turn."""
        for number in range(consumer.worker, self.num_batches, consumer.num_workers):
            yield self.batch(number, consumer.rank)

    def consumed(self, num_samples: int) -> int:
        """The position up to which all is consumed when every rank has had `num_samples`.

        Raises `ValueError` in the middle of a batch of several ranks: what is consumed is no beginning then.
        """
        is_whole = num_samples % self.batch_size == 0 or num_samples == self.num_samples
        if self.world_size > 1 and not is_whole:
            raise ValueError(
                f"{num_samples} samples are no whole batches of {self.batch_size}: take the state between two batches."
            )
        return min(self.start + self.world_size * num_samples, self.total)

    def _share(self, positions: int) -> int:
        """How many of some positions each rank gets."""
        extra = self.world_size - 1 if self.tail == "pad" else 0
        return (positions + extra) // self.world_size


@dataclass(frozen=True)
class EvenSizes(Sequence[int]):
    """The sizes of many equal shards, none of them written out: those of a stream."""

    num_shards: int
    shard_size: int

    def __len__(self) -> int:
        return self.num_shards

    @overload
    def __getitem__(self, shard: int) -> int: ...
    @overload
    def __getitem__(self, shard: slice) -> Sequence[int]: ...
    def __getitem__(self, shard: int | slice) -> int | Sequence[int]:
        if isinstance(shard, slice):
            return EvenSizes(len(range(self.num_shards)[shard]), self.shard_size)
        if not -self.num_shards <= shard < self.num_shards:
            raise IndexError(f"shard {shard} of {self.num_shards}")
        return self.shard_size


class Order(Protocol):
    """An order of samples: position => (shard, place in the shard)."""

    def __len__(self) -> int: ...
    def __getitem__(self, position: int, /) -> tuple[int, int]: ...
    def coming(self, position: int, count: int) -> list[int]:
        """The shards after the one at `position`, `count` of them at most."""


def num_samples_in(sizes: Sequence[int]) -> int:
    """How many samples shards of these sizes hold."""
    return len(sizes) * sizes.shard_size if isinstance(sizes, EvenSizes) else sum(sizes)


def order_of(sizes: Sequence[int], *, seed: int, epoch: int, shuffle: bool) -> Order:
    """The order of an epoch over shards of these sizes."""
    if isinstance(sizes, EvenSizes):
        return EndlessOrder(sizes, seed=seed, epoch=epoch, shuffle=shuffle)
    return ShardOrder(sizes, seed=seed, epoch=epoch, shuffle=shuffle)


class EndlessOrder:
    """The order of a stream: shard after shard, as they are rendered ahead. Nothing in it grows with their number.

    With `shuffle`, the samples of each shard come in a random order. All samples are independent draws, so shards in
    a random order would be no more random, and none of them would be there in time.
    """

    def __init__(self, sizes: EvenSizes, *, seed: int, epoch: int, shuffle: bool) -> None:
        self._sizes = sizes
        self._key = (seed, epoch)
        self._shuffle = shuffle
        self._places = lru_cache(maxsize=4)(self._places_in)

    def __len__(self) -> int:
        return num_samples_in(self._sizes)

    def __getitem__(self, position: int) -> tuple[int, int]:
        shard, place = divmod(position, self._sizes.shard_size)
        return shard, self._places(shard)[place] if self._shuffle else place

    def coming(self, position: int, count: int) -> list[int]:
        """The shards after the one at `position`, `count` of them at most."""
        following = position // self._sizes.shard_size + 1
        return list(range(following, min(following + count, len(self._sizes))))

    def _places_in(self, shard: int) -> list[int]:
        return permutation(self._sizes.shard_size, *self._key, shard + 1)


class ShardOrder:
    """An epoch's order of the samples of all shards: position => (shard, place in the shard).

    With `shuffle`, shards come in a random order, and the samples of each in one. Samples of a batch are independent
    draws of a generator, so mixing across shards would cost reading and gain nothing.
    """

    def __init__(self, sizes: Sequence[int], *, seed: int, epoch: int, shuffle: bool) -> None:
        self._sizes = sizes
        self._key = (seed, epoch)
        self._shuffle = shuffle
        self.shards = permutation(len(sizes), *self._key, 0) if shuffle else list(range(len(sizes)))
        self._stops = list(accumulate(sizes[shard] for shard in self.shards))
        self._places = lru_cache(maxsize=4)(self._places_in)

    def __len__(self) -> int:
        return self._stops[-1] if self._stops else 0

    def __getitem__(self, position: int) -> tuple[int, int]:
        turn = bisect_right(self._stops, position)
        shard = self.shards[turn]
        place = position - self._stops[turn] + self._sizes[shard]
        return shard, self._places(shard)[place] if self._shuffle else place

    def coming(self, position: int, count: int) -> list[int]:
        """The shards after the one at `position`, `count` of them at most."""
        turn = bisect_right(self._stops, position) + 1
        return self.shards[turn : turn + count]

    def _places_in(self, shard: int) -> list[int]:
        return permutation(self._sizes[shard], *self._key, shard + 1)


@dataclass(frozen=True)
class Mix:
    """Real items strewn evenly among synthetic ones: of any first q positions, floor(q x share) are real.

    `share` is real / all, below 1. An epoch has every synthetic sample once; real items repeat, or not all come, as
    the share demands.
    """

    num_synthetic: int
    num_real: int
    share: Fraction

    def __len__(self) -> int:
        """The longest q with no more than `num_synthetic` synthetic positions."""
        length = int(self.num_synthetic / (1 - self.share))
        while self._synthetic_before(length) > self.num_synthetic:
            length -= 1
        while self._synthetic_before(length + 1) <= self.num_synthetic:
            length += 1
        return length

    def real(self, position: int) -> int | None:
        """Which real draw stands at a position, from 0; None for a synthetic sample."""
        before, after = int(position * self.share), int((position + 1) * self.share)
        return before if after > before else None

    def synthetic(self, position: int) -> int:
        """Which synthetic position stands there, when no real one does."""
        return self._synthetic_before(position)

    def _synthetic_before(self, position: int) -> int:
        return position - int(position * self.share)


def permutation(count: int, seed: int, epoch: int, stream: int) -> list[int]:
    """A random order of 0 .. count - 1 from raw Philox integers: the same in every version of NumPy, for ever."""
    key = (seed & 0xFFFFFFFFFFFFFFFF) | (epoch << 64)
    raw = np.random.Philox(key=key, counter=stream << 128).random_raw(count)
    return [int(place) for place in np.argsort(raw, kind="stable")]
