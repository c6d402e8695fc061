"""The choice of the next candidate of a sample that is worth rendering, by its code's vector alone.

A mapping network makes a code in microseconds, and rendering takes a hundred times as long. The chosen attempt is the
first one whose vector passes: a function of the seed and the index, like the latents.
"""

from collections.abc import Callable, Sequence

from models.arrays import StyleVectors
from models.sampling import Candidate
from models.targets.constraints import Flags

CODES_AT_ONCE = 8
"""Attempts of each sample that are mapped together; the others after the first that passes are not used."""
MAX_CODES = 100_000
"""Codes of one sample. A predictor passes at least 1 of the 2,000 of a pilot, so it is not reached by accident."""


class NoCodePasses(Exception):
    """No code of a sample passes the predictor."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(f"none of {MAX_CODES:,} codes of sample {index} passes the predictor")


class Proposals:
    """Advances candidates to their next attempt that passes.

    `vectors` maps candidates to vectors; `passes` tests vectors, the second argument are their samples' indices.
    """

    def __init__(
        self,
        vectors: Callable[[Sequence[Candidate]], StyleVectors],
        passes: Callable[[StyleVectors, Sequence[int]], Flags],
    ) -> None:
        self._vectors, self._passes = vectors, passes

    def advance(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return for each candidate itself or its next attempt that passes, in the same order.

        Raises:
            NoCodePasses: none of the attempts of a sample passes.
        """
        chosen: dict[int, Candidate] = {}
        pending = list(candidates)
        while pending:
            blocks = [_block(first) for first in pending]
            pending = []
            for block, passing in zip(blocks, self._test(blocks), strict=True):
                first = next(
                    (one for one, passes in zip(block, passing, strict=True) if passes), None
                )
                if first is not None:
                    chosen[first.index] = first
                elif block[-1].attempt >= MAX_CODES:
                    raise NoCodePasses(block[-1].index)
                else:
                    pending.append(block[-1].next)
        return [chosen[candidate.index] for candidate in candidates]

    def _test(self, blocks: Sequence[Sequence[Candidate]]) -> list[list[bool]]:
        flat = [candidate for block in blocks for candidate in block]
        passing = self._passes(self._vectors(flat), [one.index for one in flat]).tolist()
        return [
            passing[start : start + CODES_AT_ONCE] for start in range(0, len(flat), CODES_AT_ONCE)
        ]


def _block(first: Candidate) -> list[Candidate]:
    return [Candidate(first.index, first.attempt + step) for step in range(CODES_AT_ONCE)]
