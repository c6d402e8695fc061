"""The records of API keys."""

from datetime import timedelta

from contracts.access.keys import StoredKey
from contracts.base import now
from state.access import key_records
from state.access.key_records import KeyReader
from state.store import Store


def create(store: Store) -> StoredKey:
    """Create a key that may read."""
    return key_records.create(store, "ada", name="a test", scopes=("read", "read"))[0]


def test_what_was_stored_is_read(store: Store) -> None:
    """Each key with all its secrets; a scope that is given twice is kept once."""
    stored = create(store)
    rotated, _ = key_records.rotate(store, stored, timedelta(hours=1))
    other = create(store)
    assert KeyReader(store).read() == {stored.key.id: rotated, other.key.id: other}
    assert stored.key.scopes == ("read",)


def test_a_later_reading_reads_only_what_is_new(store: Store) -> None:
    """Records never change, so known ones are not read again: here their bytes are gone meanwhile."""
    reader, stored = KeyReader(store), create(store)
    assert reader.read() == {stored.key.id: stored}
    for info in list(store.list("access")):
        store.put(info.key, b"{")
    key_records.revoke(store, stored.key.id)
    assert reader.read()[stored.key.id].state(now()) == "revoked"
    assert KeyReader(store).read() == {}


def test_a_deleted_record_is_forgotten(store: Store) -> None:
    """An operator may delete the objects of a key."""
    reader, stored = KeyReader(store), create(store)
    reader.read()
    for info in list(store.list("access")):
        store.delete(info.key)
    assert stored.key.id not in reader.read()


def test_a_rotation_cannot_undo_a_revocation(store: Store) -> None:
    """Two processes do both at the same moment, from the same state."""
    stored = create(store)
    key_records.revoke(store, stored.key.id)
    key_records.rotate(store, stored, timedelta(hours=1))
    assert KeyReader(store).read()[stored.key.id].state(now()) == "revoked"


def test_the_first_revocation_stays(store: Store) -> None:
    """A repeated one does not move its time."""
    stored = create(store)
    first = key_records.revoke(store, stored.key.id)
    assert key_records.revoke(store, stored.key.id) == first
    assert key_records.read_revocation(store, stored.key.id) == first


def test_a_key_without_its_last_record_does_not_exist(store: Store) -> None:
    """The process ended between the secret and the key."""
    stored = create(store)
    store.delete(f"access/keys/{stored.key.id}/key.json")
    assert KeyReader(store).read() == {}
