"""Which samples of a batch or a stream must contain a class: a pure function of the seed and the sample's index.

A sequence with low discrepancy decides it, so every run of samples has nearly the requested shares: of any n samples
the number with the class differs from its share of n by a few at most, where independent draws differ by sqrt(n).
Measured up to n = 1,000: by 2 with the first six primes, by 6 with all 16.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import isqrt

from models.sampling import Candidate, Stream, uniforms

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
MAX_GROUPS = len(PRIMES)
_BITS = 64
_MASK = 2**_BITS - 1


class Assignment:
    """Assigns a tuple of truth values to each sample: whether it must contain each constraint's class.

    `groups` are lists of shares. The constraints of one group exclude each other: a sample must contain at most one of
    them, the k-th with probability `shares[k]`. Groups are independent of each other.
    """

    def __init__(self, seed: int, groups: Sequence[Sequence[float]]) -> None:
        if len(groups) > MAX_GROUPS:
            raise ValueError(f"expected at most {MAX_GROUPS} groups, got {len(groups)}")
        self._groups = [(len(shares), _ends(shares)) for shares in groups]
        self._starts = [_start(seed, group) for group in range(len(groups))]

    def of(self, index: int) -> tuple[bool, ...]:
        """Return the values of sample `index`, those of the first group first."""
        values: list[bool] = []
        for (count, ends), start, prime in zip(self._groups, self._starts, PRIMES, strict=False):
            chosen = bisect_right(ends, _place(start, prime, index))
            values += [number == chosen for number in range(count)]
        return tuple(values)


def _ends(shares: Sequence[float]) -> list[float]:
    ends = list(accumulate(shares))
    # The sum of shares such as 0.1, ten times, is rounded to slightly less than 1.
    return [*ends[:-1], 1.0] if ends[-1] > 1 - 1e-9 else ends


def _start(seed: int, group: int) -> int:
    """Return the random start of a group's sequence, so that another seed assigns other samples."""
    (number,) = uniforms(seed, Candidate(group), 1, Stream.TARGETS)
    return int(number * 2**53) << (_BITS - 53)


def _place(start: int, prime: int, index: int) -> float:
    """Return the fraction of start + index sqrt(prime), from 0 up to but without 1.

    Multiples of the square roots of primes are equidistributed modulo 1, also jointly (Richtmyer 1951; Niederreiter,
    "Random Number Generation and Quasi-Monte Carlo Methods", 1992, section 3). Whole numbers of 64 bits: every machine
    gets the same.
    """
    step = isqrt(prime << (2 * _BITS))  # sqrt(prime) 2^64
    place = ((start + index * step) & _MASK) >> (_BITS - 53)
    return float(place) * 2.0**-53
