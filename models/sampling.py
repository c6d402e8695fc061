"""Which random numbers belong to which sample: a pure function of (seed, index, attempt), on any shard and machine.

Sample i of seed s is the first accepted one of the candidates (s, i, 0), (s, i, 1), ... Latents are raw Philox
integers (Salmon et al., SC 2011) keyed by those numbers and turned to normals by Box-Muller on the CPU in float64.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeVar, final, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from models.arrays import Latents

Result = TypeVar("Result")


class Stream(IntEnum):
    """The purpose of the latents. Streams share no latent, so no user's seed repeats the pilot samples."""

    SAMPLES = 0
    PILOT = 1


@dataclass(frozen=True)
class Candidate:
    """One attempt at one sample."""

    index: int
    attempt: int = 0


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
            "(a smaller drop_share), or filter for samples that the generator makes more often"
        )


def latents(
    seed: int, candidates: Sequence[Candidate], z_dim: int, stream: Stream = Stream.SAMPLES
) -> Latents:
    """Normal latents [n, z_dim] float32, one row per candidate.

    `seed` is below 2^63, `index` below 2^63; rows do not depend on their neighbours.
    """
    rows = [_normals(seed, candidate, z_dim, stream) for candidate in candidates]
    stacked = np.stack(rows) if rows else np.empty((0, z_dim))
    return torch.from_numpy(stacked).float()


def draw_accepted(
    indices: Sequence[int],
    render: Callable[[list[Candidate]], Sequence[Result]],
    accept: Callable[[Result], bool],
    *,
    micro_batch: int,
    max_attempts: int,
) -> Iterator[tuple[Candidate, Result]]:
    """Render candidates until every index has its first accepted one; yield them as they are accepted, not in order.

    Raises:
        AcceptanceTooLow: an index used up its attempts.
    """
    waiting = deque(Candidate(index) for index in indices)
    while waiting:
        candidates = [waiting.popleft() for _ in range(min(micro_batch, len(waiting)))]
        for candidate, result in zip(candidates, render(candidates), strict=True):
            if accept(result):
                yield candidate, result
            elif candidate.attempt + 1 >= max_attempts:
                raise AcceptanceTooLow(candidate.index, max_attempts)
            else:
                waiting.append(Candidate(candidate.index, candidate.attempt + 1))


def _normals(seed: int, candidate: Candidate, z_dim: int, stream: Stream) -> NDArray[np.float64]:
    """Box-Muller (1958): two uniforms give two independent normals."""
    pairs = (z_dim + 1) // 2
    philox = np.random.Philox(
        key=np.array([seed, stream], dtype=np.uint64),
        counter=np.array([0, 0, candidate.attempt, candidate.index], dtype=np.uint64),
    )
    raw = philox.random_raw(2 * pairs) >> np.uint64(11)
    uniform = (raw.astype(np.float64) + 0.5) * 2.0**-53
    radius, angle = np.sqrt(-2.0 * np.log(uniform[:pairs])), 2.0 * np.pi * uniform[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:z_dim]
