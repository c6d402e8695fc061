"""The keys in the memory of an app process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from app.access.table import MAX_AGE_SECONDS, REFRESH_SECONDS, KeyTable
from contracts.access.keys import StoredKey
from contracts.base import now
from contracts.errors.access import Unauthorized
from contracts.errors.tree import StoreUnavailable
from state.access import key_records, paths
from state.settings import Settings
from state.store import Store


class Clock:
    """A clock that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """Return a clock at 0."""
    return Clock()


@pytest.fixture
def table(store: Store, clock: Clock) -> KeyTable:
    """Return a table without a thread."""
    return KeyTable(store, clock)


def create(store: Store) -> tuple[StoredKey, str]:
    """Create a key that may read."""
    return key_records.create(store, "ada", name="a test", scopes=("read",))


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Make the folder of a store unreadable: a file has its place."""
    hidden = folder.rename(folder.with_name("hidden"))
    folder.write_text("no folder")
    yield
    folder.unlink()
    hidden.rename(folder)


def test_a_key_is_found_after_a_reading(table: KeyTable, store: Store) -> None:
    """Not before: `find` never asks the store."""
    table.refresh()
    stored, text = create(store)
    with pytest.raises(Unauthorized, match="unknown"):
        table.find(text)
    table.refresh()
    assert table.find(text) == stored.key


def test_a_revocation_holds_after_a_reading(table: KeyTable, store: Store) -> None:
    """Another process has stored it."""
    stored, text = create(store)
    table.refresh()
    key_records.revoke(store, stored.key.id)
    table.refresh()
    with pytest.raises(Unauthorized, match="is revoked"):
        table.find(text)


def test_a_revocation_holds_within_five_seconds() -> None:
    """A reading begins at least every two seconds, and may take as long."""
    assert 2 * REFRESH_SECONDS < 5


def test_a_table_reads_by_itself(store: Store) -> None:
    """Its thread finds a revocation of another process, and ends with the table."""
    stored, text = create(store)
    table = KeyTable(store, refresh_seconds=0.01)
    table.start()
    assert table.find(text) == stored.key
    key_records.revoke(store, stored.key.id)
    refused = False
    while not refused:  # the test's own time limit ends it
        try:
            table.find(text)
        except Unauthorized:
            refused = True
    table.close()
    assert table._thread is not None
    assert not table._thread.is_alive()


def test_both_secrets_are_valid_for_the_grace_time(table: KeyTable, store: Store) -> None:
    """Then the new one only. The second rotation ends the first two."""
    stored, first = create(store)
    rotated, second = key_records.rotate(store, stored, timedelta(hours=1))
    table.refresh()
    assert table.find(first) == table.find(second) == stored.key
    _, third = key_records.rotate(store, rotated, timedelta(0))
    table.refresh()
    assert table.find(third) == stored.key
    for text in (first, second):
        with pytest.raises(Unauthorized, match="was replaced"):
            table.find(text)


def test_the_last_table_is_used_while_the_store_is_away(clock: Clock, tmp_path: Path) -> None:
    """For a minute; then requests get 503 until the store answers again."""
    folder = tmp_path / "store"
    store = Store.from_settings(Settings(store_url=folder.as_uri()))
    table = KeyTable(store, clock)
    stored, text = create(store)
    table.refresh()
    with away(folder):
        with pytest.raises(StoreUnavailable):
            table.refresh()
        clock.seconds = MAX_AGE_SECONDS
        assert table.find(text) == stored.key
        clock.seconds += 1
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            table.find(text)
    table.refresh()
    assert table.find(text) == stored.key


def test_a_table_that_was_never_read_accepts_nothing(table: KeyTable) -> None:
    """The keys are not known, so the answer is 503 and not 401."""
    with pytest.raises(StoreUnavailable):
        table.find("hk_x")


def test_a_damaged_key_is_not_valid(table: KeyTable, store: Store) -> None:
    """The others are."""
    (stored, text), (_, other) = create(store), create(store)
    store.put(paths.key(stored.key.id), b"{")
    table.refresh()
    table.find(other)
    with pytest.raises(Unauthorized):
        table.find(text)


def test_the_last_use_is_stored_now_and_then(table: KeyTable, store: Store) -> None:
    """The first use at once, later ones after some minutes."""
    stored, _ = create(store)
    before = now()
    table.note_use(stored.key.id)
    table.store_uses()
    first = key_records.read_use(store, stored.key.id)
    assert first is not None
    assert first.used_at >= before
    store.delete(paths.use(stored.key.id))
    table.note_use(stored.key.id)
    table.store_uses()
    assert key_records.read_use(store, stored.key.id) is None
    table.store_uses(timedelta(seconds=-1))
    assert key_records.read_use(store, stored.key.id) is not None


def test_no_secret_is_stored(store: Store) -> None:
    """The store has its SHA-256 and its public prefix."""
    _, text = create(store)
    objects = b"".join(store.get(info.key) for info in store.list("access"))
    assert text.rpartition("_")[2].encode() not in objects
    assert text.rpartition("_")[0].encode() in objects
