"""A total that small notes are folded into: usage of a day, or the rates of finished jobs."""

from collections.abc import Sequence
from typing import Generic, Self, TypeVar

from contracts.base import Model

N = TypeVar("N", bound=Model)


class Total(Model, Generic[N]):
    """The sum of notes so far. `folded` are the notes that this total added.

    They are deleted once it is stored; until then a reader leaves them out.
    """

    folded: tuple[str, ...] = ()

    def plus(self, notes: Sequence[N]) -> Self:
        """Return the total with further notes."""
        raise NotImplementedError(f"expected {type(self).__name__} to add notes")
