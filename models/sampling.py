"""The random numbers of every sample: a pure function of (seed, index, attempt), on any shard and machine.

Sample i of seed s is the first accepted one of the candidates (s, i, 0), (s, i, 1), ... Latents are Philox integers
(Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a counter-based generator: the numbers are
its key and counter, so each sample is reached directly. Box-Muller turns them into normals, on the CPU in float64.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import Protocol, TypeVar, final, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from models.arrays import Classes, Latents

Result = TypeVar("Result")


class Stream(IntEnum):
    """The purpose of random numbers. Streams share none, so no user's seed repeats the pilot samples."""

    SAMPLES = 0
    PILOT = 1
    CONDITIONS = 2  # the classes of SAMPLES: latents are the same with and without classes
    PILOT_CONDITIONS = 3
    TARGETS = 4  # the starts of the sequences that decide which samples must contain a class
    STEERING = 5  # the choice among the codes of a pool of a steered stream

    @property
    def conditions(self) -> "Stream":
        """The stream that draws the classes of the samples of this stream."""
        return {Stream.SAMPLES: Stream.CONDITIONS, Stream.PILOT: Stream.PILOT_CONDITIONS}[self]


@dataclass(frozen=True)
class Candidate:
    """One attempt at one sample."""

    index: int  # of the sample in its batch or stream
    attempt: int = 0  # 1 after the first rejection

    @property
    def next(self) -> "Candidate":
        """The next attempt at the same sample."""
        return Candidate(self.index, self.attempt + 1)


@runtime_checkable  # beartype checks it in tests
class Draws(Protocol):
    """The randomness of some samples. A family asks for as many normal numbers per sample as it needs."""

    def __len__(self) -> int: ...

    def normals(self, count: int) -> Latents:
        """Return normal numbers [samples, count], float32, on the CPU."""


@final
@dataclass(frozen=True)
class CandidateDraws:
    """The draws of a batch, a stream or a pilot: a pure function of (seed, index, attempt)."""

    seed: int
    candidates: Sequence[Candidate]
    stream: Stream = Stream.SAMPLES

    def __len__(self) -> int:
        return len(self.candidates)

    def normals(self, count: int) -> Latents:
        return latents(self.seed, self.candidates, count, self.stream)


@final
@dataclass(frozen=True)
class WalkDraws:
    """The draws on a closed path through the first `num_corners` samples of a seed.

    A place is a number in [0, num_corners): its whole part is the sample that it comes from, the rest how far it is on
    the way to the next one. For independent standard normals a and b, cos(t) a + sin(t) b is standard normal too, so
    each place is as likely as a sample; a straight line between a and b would pass near the mean.
    """

    seed: int
    places: Sequence[float]
    num_corners: int
    stream: Stream = Stream.SAMPLES

    def __len__(self) -> int:
        return len(self.places)

    def normals(self, count: int) -> Latents:
        corners = latents(
            self.seed, [Candidate(each) for each in range(self.num_corners)], count, self.stream
        )
        places = torch.tensor(self.places, dtype=torch.float64)
        start = places.floor().long()
        angle = ((places - start) * (torch.pi / 2)).unsqueeze(1)
        end = (start + 1) % self.num_corners
        return (angle.cos() * corners[start] + angle.sin() * corners[end]).float()


@final
@dataclass(frozen=True)
class RandomDraws:
    """The next `count` draws of a torch generator: for statistics of a generator, where no sample needs a name."""

    rng: torch.Generator
    count: int

    @classmethod
    def seeded(cls, seed: int, count: int) -> "RandomDraws":
        return cls(torch.Generator().manual_seed(seed), count)

    def __len__(self) -> int:
        return self.count

    def normals(self, count: int) -> Latents:
        return torch.randn(self.count, count, generator=self.rng)

    def split(self, size: int) -> Iterator["RandomDraws"]:
        """Yield the draws in parts of at most `size`; each part must be used before the next is taken."""
        for first in range(0, self.count, size):
            yield RandomDraws(self.rng, min(size, self.count - first))


class AcceptanceTooLow(Exception):
    """No candidate of a sample was accepted within the cap; `index` says which, `max_attempts` how many were tried."""

    def __init__(self, index: int, max_attempts: int) -> None:
        self.index, self.max_attempts = index, max_attempts
        super().__init__(
            f"none of {max_attempts} candidates of sample {index} was accepted; filter less "
            "(a smaller drop_share), or set targets that the generator meets more often"
        )


def latents(
    seed: int, candidates: Sequence[Candidate], z_dim: int, stream: Stream = Stream.SAMPLES
) -> Latents:
    """Return normal latents [n, z_dim], float32, on the CPU; a row depends on its candidate alone.

    `seed` and `index` are below 2^63.
    """
    # Sample by sample: a row never depends on the number or the order of the others.
    rows = [_normals(seed, candidate, z_dim, stream) for candidate in candidates]
    stacked = np.stack(rows) if rows else np.empty((0, z_dim))
    return torch.from_numpy(stacked).float()


def draw_conditions(
    seed: int, indices: Sequence[int], shares: Mapping[int, float], stream: Stream
) -> Classes:
    """Return the class of each sample, int64 [n], on the CPU; class c has probability `shares[c]` / their sum.

    A class depends on the seed and the index of its sample alone, not on the attempt: a rejected candidate is drawn
    again in its class, so a filter does not change the shares. `stream` is that of the classes.
    """
    classes = sorted(shares)
    # Inverse transform sampling: class k owns the interval between the sums of the shares before it and with it.
    ends = list(accumulate(shares[one] for one in classes))
    places = [_uniform(seed, index, stream) * ends[-1] for index in indices]
    # Rounding may lift a place to the end of the last interval.
    last = len(classes) - 1
    return torch.tensor([classes[min(bisect_right(ends, place), last)] for place in places]).long()


def draw_accepted(
    indices: Sequence[int],
    render: Callable[[list[Candidate]], Sequence[Result]],
    accept: Callable[[Result], bool],
    *,
    micro_batch: int,
    max_attempts: int,
    advance: Callable[[list[Candidate]], list[Candidate]] = list,
) -> Iterator[tuple[Candidate, Result]]:
    """Render candidates until every index has its first accepted one; yield them as they are accepted, not in order.

    `advance` returns for each candidate itself or its next attempt that is worth rendering; the others are skipped.
    `max_attempts` limits the rendered candidates of an index.

    Raises:
        AcceptanceTooLow: an index used up its attempts.
    """
    # Micro-batches stay full while candidates are left: a rejected one goes to the end of the queue with the next
    # attempt. The accepted attempt of an index does not depend on the order, as each candidate's latent is fixed.
    waiting = deque((Candidate(index), 1) for index in indices)
    while waiting:
        # As many as a micro-batch holds; the last ones may be fewer.
        chosen = [waiting.popleft() for _ in range(min(micro_batch, len(waiting)))]
        candidates = advance([candidate for candidate, _ in chosen])
        tries = [number for _, number in chosen]
        for candidate, number, result in zip(candidates, tries, render(candidates), strict=True):
            if accept(result):
                yield candidate, result
            elif number >= max_attempts:
                raise AcceptanceTooLow(candidate.index, max_attempts)
            else:
                waiting.append((candidate.next, number + 1))


def _normals(seed: int, candidate: Candidate, z_dim: int, stream: Stream) -> NDArray[np.float64]:
    """Return `z_dim` normals by Box and Muller (1958): two uniforms give two independent normals."""
    # numpy's Philox is Philox-4x64-10: a key of 2 words and a counter of 4. Word 0 of the counter (least significant)
    # counts blocks of 4 numbers, so the words of attempt and index stay the candidate's for any z_dim.
    pairs = (z_dim + 1) // 2  # an odd z_dim drops one normal
    uniform = uniforms(seed, candidate, 2 * pairs, stream)
    # r = sqrt(-2 ln u1), t = 2 pi u2 => r cos(t), r sin(t): all cosines first, then all sines
    radius, angle = np.sqrt(-2.0 * np.log(uniform[:pairs])), 2.0 * np.pi * uniform[pairs:]
    # float64 until `latents` rounds to float32, which hides differences in the last bit of log, sin and cos.
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:z_dim]


def _uniform(seed: int, index: int, stream: Stream) -> float:
    return float(uniforms(seed, Candidate(index), 1, stream)[0])


def uniforms(seed: int, candidate: Candidate, count: int, stream: Stream) -> NDArray[np.float64]:
    """Return uniform numbers between 0 and 1, both excluded."""
    # key = (seed, stream), counter = (0, 0, attempt, index): different for every candidate of every user's seed
    philox = np.random.Philox(
        key=np.array([seed, stream], dtype=np.uint64),
        counter=np.array([0, 0, candidate.attempt, candidate.index], dtype=np.uint64),
    )
    # `random_raw`, not numpy's distributions: their algorithms may change between versions, these integers may not.
    # The upper 53 bits, at the centers of 2^53 intervals of (0, 1): never 0, whose logarithm is infinite.
    raw = philox.random_raw(count) >> np.uint64(11)
    return (raw.astype(np.float64) + 0.5) * 2.0**-53
