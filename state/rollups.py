"""Adds small notes in the store up to totals. All of it is in the store, so a lost Redis changes nothing.

A note is one small object, written once. From time to time the reconciler folds the notes into a new total and deletes
them. A total names the notes that it added, so a note that could not be deleted is not counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from contracts.accounts.totals import Total
from contracts.base import Model
from contracts.ids import uuid7_hex
from state import records
from state.store import Store

N = TypeVar("N", bound=Model)
T = TypeVar("T", bound=Total[Any])


@dataclass(frozen=True)
class Rollup(Generic[N, T]):
    """The notes below one prefix, and the totals below another: `{n}.json`, the highest number is valid."""

    store: Store
    notes: str
    totals: str
    note_model: type[N]
    nothing: T

    def note(self, value: N) -> None:
        """Store a note."""
        key = f"{self.notes}/{uuid7_hex()}.json"
        self.store.put(key, value.model_dump_json().encode())

    def current(self) -> T:
        """Return the sum of the newest total and all notes after it. Damaged notes are left out."""
        found = self._notes()  # before the total: a note that it adds is in one of both
        _, total = self._newest()
        return self._plus(total, [key for key in found if _name(key) not in total.folded])

    def folded(self) -> T:
        """Return the newest total, without the notes after it: fewer requests than `current`."""
        return self._newest()[1]

    def fold(self) -> int:
        """Add the notes to the total and delete them. Returns their number.

        Only one process should do so at a time. If two do, the first total of a number stays, and the other process
        deletes nothing.
        """
        number, before = self._newest()
        listed = self._notes()
        fresh = [key for key in listed if _name(key) not in before.folded]
        if fresh:
            # the listed ones of the last total too: they may be there still
            names = tuple(map(_name, listed))
            total = self._plus(before, fresh).model_copy(update={"folded": names})
            key = f"{self.totals}/{number + 1:06d}.json"
            if not self.store.create(key, total.model_dump_json().encode()):
                return 0
        for each in listed:
            self.store.delete(each)
        # a slow process may still be reading the second newest
        for key in self._total_keys()[:-2]:
            self.store.delete(key)
        return len(fresh)

    def _plus(self, total: T, keys: Sequence[str]) -> T:
        read = records.read_all_intact(self.store, keys, self.note_model)
        return total.plus([each for each in read if each is not None])

    def _notes(self) -> list[str]:
        return sorted(info.key for info in self.store.list(self.notes))

    def _total_keys(self) -> list[str]:
        return sorted(info.key for info in self.store.list(self.totals))

    def _newest(self) -> tuple[int, T]:
        """Return the number and the content of the newest total that can be read; 0 and nothing without one."""
        listed = self._total_keys()
        for key in reversed(listed):
            total = records.read_intact(self.store, key, type(self.nothing))
            if total is not None:
                return int(_name(listed[-1])), total
        return 0, self.nothing


def _name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")
