"""The order of the samples of an epoch, and its division between ranks and the workers of their loaders.

The order depends only on seed and epoch, not on the number of readers. So the state of a job is one number: the length
of the consumed beginning of the order. The job may continue with another number of ranks or workers. This file only
computes; it reads no data.
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
    """Worker `worker` of rank `rank`: one of the `world_size` x `num_workers` readers of an epoch."""

    rank: int = 0
    world_size: int = 1
    worker: int = 0
    num_workers: int = 1


@dataclass(frozen=True)
class Deal:
    """How the positions `start` to `total` of an order become batches.

    Round k gives each rank in turn the next `batch_size` positions. They are contiguous, so a batch is in one or two
    shards. The last round is divided evenly. The remaining positions, fewer than ranks, are dropped, or padded with
    positions from the beginning of the order, so that all ranks have the same number.
    """

    start: int
    total: int
    batch_size: int
    world_size: int = 1
    tail: Tail = "drop"

    @property
    def num_batches(self) -> int:
        """The number of batches of each rank."""
        full, rest = divmod(self.total - self.start, self.world_size * self.batch_size)
        return full + (self._share(rest) > 0)

    @property
    def num_samples(self) -> int:
        """The number of samples of each rank."""
        return self._share(self.total - self.start)

    @property
    def num_dropped(self) -> int:
        """The number of dropped positions: fewer than ranks, and 0 with `pad`."""
        return max(0, self.total - self.start - self.world_size * self.num_samples)

    def batch(self, number: int, rank: int) -> list[int]:
        """Return the positions of one batch of one rank."""
        begin = self.start + number * self.world_size * self.batch_size
        size = min(self.batch_size, self._share(self.total - begin))
        first = begin + rank * size
        return [
            place if place < self.total else place % self.total
            for place in range(first, first + size)
        ]

    def batches(self, consumer: Consumer) -> Iterator[list[int]]:
        """Yield the batches of one worker: every `num_workers`-th of its rank, as a DataLoader takes turns."""
        for number in range(consumer.worker, self.num_batches, consumer.num_workers):
            yield self.batch(number, consumer.rank)

    def consumed(self, num_samples: int) -> int:
        """Return the length of the consumed beginning of the order after `num_samples` samples of every rank.

        Raises `ValueError` in the middle of a batch of several ranks: the consumed positions have gaps then.
        """
        is_whole = num_samples % self.batch_size == 0 or num_samples == self.num_samples
        if self.world_size > 1 and not is_whole:
            raise ValueError(
                f"expected complete batches of {self.batch_size}, got {num_samples} samples. Take the state between two"
                " batches."
            )
        return min(self.start + self.world_size * num_samples, self.total)

    def _share(self, positions: int) -> int:
        """Return how many of `positions` each rank gets."""
        extra = self.world_size - 1 if self.tail == "pad" else 0
        return (positions + extra) // self.world_size


@dataclass(frozen=True)
class EvenSizes(Sequence[int]):
    """The equal sizes of the many shards of a stream, without a list in memory."""

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
            raise IndexError(f"expected a shard below {self.num_shards}, got {shard}")
        return self.shard_size


class Order(Protocol):
    """An order of samples: position => (shard, place in the shard)."""

    def __len__(self) -> int: ...
    def __getitem__(self, position: int, /) -> tuple[int, int]: ...
    def next_shards(self, position: int, count: int) -> list[int]:
        """Return at most `count` shards after the one at `position`."""


def num_samples_in(sizes: Sequence[int]) -> int:
    """Return the number of samples in shards of these sizes."""
    return len(sizes) * sizes.shard_size if isinstance(sizes, EvenSizes) else sum(sizes)


def order_of(sizes: Sequence[int], *, seed: int, epoch: int, shuffle: bool) -> Order:
    """Return the order of an epoch over shards of these sizes."""
    if isinstance(sizes, EvenSizes):
        return EndlessOrder(sizes, seed=seed, epoch=epoch, shuffle=shuffle)
    return ShardOrder(sizes, seed=seed, epoch=epoch, shuffle=shuffle)


class EndlessOrder:
    """The order of a stream: shard by shard, as the service renders ahead. Its memory does not depend on their number.

    `shuffle` shuffles the samples inside each shard. Shards stay in order: all samples are independent draws, so
    shuffled shards would be no more random, and they would not be rendered in time.
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

    def next_shards(self, position: int, count: int) -> list[int]:
        """Return at most `count` shards after the one at `position`."""
        following = position // self._sizes.shard_size + 1
        return list(range(following, min(following + count, len(self._sizes))))

    def _places_in(self, shard: int) -> list[int]:
        return permutation(self._sizes.shard_size, *self._key, shard + 1)


class ShardOrder:
    """The order of the samples of a batch in an epoch: position => (shard, place in the shard).

    `shuffle` shuffles the shards, and the samples inside each shard. Samples are independent draws of a generator, so
    mixing across shards would cost more reads and gain nothing.
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

    def next_shards(self, position: int, count: int) -> list[int]:
        """Return at most `count` shards after the one at `position`."""
        turn = bisect_right(self._stops, position) + 1
        return self.shards[turn : turn + count]

    def _places_in(self, shard: int) -> list[int]:
        return permutation(self._sizes[shard], *self._key, shard + 1)


@dataclass(frozen=True)
class Mix:
    """Real samples, spread evenly among synthetic ones: of the first q positions, floor(q x share) are real, for any q.

    `share` is real / all, below 1. An epoch has every synthetic sample once. It repeats or omits real samples to reach
    the share.
    """

    num_synthetic: int
    num_real: int
    share: Fraction

    def __len__(self) -> int:
        """The largest q with at most `num_synthetic` synthetic positions."""
        length = int(self.num_synthetic / (1 - self.share))
        while self._synthetic_before(length) > self.num_synthetic:
            length -= 1
        while self._synthetic_before(length + 1) <= self.num_synthetic:
            length += 1
        return length

    def real(self, position: int) -> int | None:
        """Return the number of the real draw at a position, from 0; None for a synthetic sample."""
        before, after = int(position * self.share), int((position + 1) * self.share)
        return before if after > before else None

    def synthetic(self, position: int) -> int:
        """Return the synthetic position at a position that is not real."""
        return self._synthetic_before(position)

    def _synthetic_before(self, position: int) -> int:
        return position - int(position * self.share)


def permutation(count: int, seed: int, epoch: int, stream: int) -> list[int]:
    """Return a random order of 0 .. count - 1 from raw Philox integers, which are equal in every version of NumPy."""
    key = (seed & 0xFFFFFFFFFFFFFFFF) | (epoch << 64)
    raw = np.random.Philox(key=key, counter=stream << 128).random_raw(count)
    return [int(place) for place in np.argsort(raw, kind="stable")]
