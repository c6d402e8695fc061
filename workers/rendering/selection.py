"""What chooses the codes of a recipe's samples: targets, or the steering of a stream."""

from collections.abc import Callable, Sequence
from typing import Protocol

from models.arrays import StyleVectors
from models.sampling import Candidate
from workers.codecs.samples import Sample

Vectors = Callable[[Sequence[Candidate]], StyleVectors]
"""Candidates to the vectors behind their codes."""
Advance = Callable[[list[Candidate]], list[Candidate]]
"""Candidates to themselves or to their next attempt that is worth rendering, in the same order."""


class Selection(Protocol):
    """Which candidates are rendered, which are accepted, and what the shard's record counts."""

    def advance(self, vectors: Vectors) -> Advance:
        """Return the function that chooses the candidates to render."""

    def accepts(self, sample: Sample) -> bool:
        """Return whether a rendered candidate becomes the sample."""

    def contained(self, sample: Sample) -> tuple[bool, ...]:
        """Return for each class of the targets whether the label contains it."""

    def num_codes(self, sample: Sample) -> int:
        """Return the number of codes that were drawn for a sample."""
