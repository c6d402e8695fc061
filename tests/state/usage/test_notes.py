"""Usage in the store: it is counted once, whatever happens during a fold."""

from datetime import date, timedelta
from pathlib import Path
from typing import IO

import pytest

from contracts.accounts.usage import Usage
from contracts.errors.tree import StoreUnavailable
from state.store import Store
from state.usage import notes, paths
from state.usage.meter import UsageMeter

TODAY = notes.today()
ONE = Usage(requested_pairs=8, pairs=7, device_seconds={"cpu": 1.5}, written_bytes=10)


class Away(Store):
    """A store that cannot be reached."""

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        raise StoreUnavailable(f"away: {key}")


@pytest.fixture
def store() -> Store:
    """Return a store with three notes of ada."""
    store = Store.in_memory()
    for _ in range(3):
        notes.note(store, "ada", ONE)
    return store


def names(store: Store, prefix: str) -> list[str]:
    """Return the names of the objects below a prefix."""
    return sorted(info.key.rpartition("/")[2] for info in store.list(prefix))


def test_notes_are_added_up(store: Store) -> None:
    """By device. Other tenants and days have none."""
    notes.note(store, "ada", Usage(device_seconds={"H100": 2.0}, uploaded_bytes=5))
    assert notes.of_day(store, "ada", TODAY) == Usage(
        requested_pairs=24,
        pairs=21,
        device_seconds={"H100": 2.0, "cpu": 4.5},
        written_bytes=30,
        uploaded_bytes=5,
    )
    assert notes.of_day(store, "bob", TODAY) == notes.NOTHING
    assert notes.known_days(store, "ada") == [TODAY]


def test_a_fold_changes_no_sum(store: Store) -> None:
    """Notes are deleted, later ones are added to the total."""
    before = notes.of_day(store, "ada", TODAY)
    assert notes.fold(store, "ada", TODAY) == 3
    assert names(store, paths.notes("ada", TODAY)) == []
    assert notes.of_day(store, "ada", TODAY) == before
    notes.note(store, "ada", ONE)
    assert notes.fold(store, "ada", TODAY) == 1
    assert notes.of_day(store, "ada", TODAY).pairs == 28
    assert notes.fold(store, "ada", TODAY) == 0


def test_a_killed_fold_counts_nothing_twice(store: Store) -> None:
    """It had stored the total, and deleted no note. The next fold deletes them and adds new ones."""
    kept = {info.key: store.get(info.key) for info in store.list(paths.notes("ada", TODAY))}
    notes.fold(store, "ada", TODAY)
    for key, content in kept.items():
        store.put(key, content)
    assert notes.of_day(store, "ada", TODAY).pairs == 21
    notes.note(store, "ada", ONE)
    assert notes.fold(store, "ada", TODAY) == 1
    assert notes.of_day(store, "ada", TODAY).pairs == 28
    assert names(store, paths.notes("ada", TODAY)) == []


def test_the_second_of_two_folds_deletes_nothing(store: Store) -> None:
    """Another process has stored the same number meanwhile, and a note has arrived since."""

    class Overtaken(Store):
        def create(self, key: str, data: bytes) -> bool:
            notes.fold(store, "ada", TODAY)
            notes.note(store, "ada", ONE)
            return super().create(key, data)

    assert notes.fold(Overtaken(store.objects), "ada", TODAY) == 0
    assert notes.of_day(store, "ada", TODAY).pairs == 28
    assert len(names(store, paths.notes("ada", TODAY))) == 1


def test_only_two_totals_stay(store: Store) -> None:
    """A day of many folds leaves few objects."""
    for _ in range(4):
        notes.note(store, "ada", ONE)
        notes.fold(store, "ada", TODAY)
    assert names(store, paths.totals("ada", TODAY)) == ["000003.json", "000004.json"]
    assert notes.of_day(store, "ada", TODAY).pairs == 49


def test_damaged_objects_are_left_out(store: Store) -> None:
    """A note, a total and a day of another program."""
    store.put(f"{paths.notes('ada', TODAY)}/x.json", b"{")
    store.put(f"{paths.days('ada')}/nonsense/notes/x.json", b"{}")
    assert notes.of_day(store, "ada", TODAY).pairs == 21
    notes.fold(store, "ada", TODAY)
    store.put(paths.total("ada", TODAY, 2), b"{")
    assert notes.of_day(store, "ada", TODAY).pairs == 21
    notes.note(store, "ada", ONE)
    notes.fold(store, "ada", TODAY)
    assert notes.of_day(store, "ada", TODAY).pairs == 28
    assert notes.known_days(store, "ada") == [TODAY]


def test_days_are_separate(store: Store) -> None:
    """A fold of one day leaves the notes of another."""
    yesterday: date = TODAY - timedelta(days=1)
    store.put(f"{paths.notes('ada', yesterday)}/x.json", ONE.model_dump_json().encode())
    notes.fold(store, "ada", yesterday)
    assert len(names(store, paths.notes("ada", TODAY))) == 3
    assert notes.known_days(store, "ada") == [yesterday, TODAY]


def test_a_meter_keeps_what_cannot_be_stored(store: Store) -> None:
    """The job does not fail. The next call stores it once."""
    meter = UsageMeter()
    meter.add("bob", ONE)
    meter.store(Away(store.objects))
    meter.add("bob", ONE)
    for _ in range(2):
        meter.store(store)
    assert notes.of_day(store, "bob", TODAY).pairs == 14
    assert len(names(store, paths.notes("bob", TODAY))) == 1
