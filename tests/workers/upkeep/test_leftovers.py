"""What a killed app left behind is removed, and nothing that anybody can still see or come back to."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import Tombstone
from state import keys, records
from workers.runtime.machine import Machine
from workers.upkeep import leftovers

LABELSET = new_id("labelset")
FILE = keys.labelset_file(DEFAULT_TENANT, LABELSET, "0" * 64, "png")


def swept(machine: Machine, *, days: int = 0) -> bool:
    """Whether the file is gone after a sweep so many days from now."""
    leftovers.sweep(machine, DEFAULT_TENANT, "me", now() + timedelta(days=days))
    return machine.store.head(FILE) is None


@pytest.fixture(autouse=True)
def file(machine: Machine) -> None:
    """An image of a labelset that has nothing else yet."""
    machine.store.put(FILE, b"an image")


def test_an_upload_that_was_cut_off_is_removed(machine: Machine) -> None:
    """Its images have no manifest, and its Idempotency-Key holds no more."""
    assert swept(machine, days=2)


def test_an_upload_that_may_come_again_is_kept(machine: Machine) -> None:
    """The same key would take the same id and the same files."""
    assert not swept(machine)


def test_a_labelset_is_kept(machine: Machine) -> None:
    """However old it is, what has a manifest exists."""
    machine.store.put(keys.manifest(DEFAULT_TENANT, "labelsets", LABELSET), b"{}")
    assert not swept(machine, days=1_000)


def test_a_delete_that_was_cut_off_is_finished(machine: Machine) -> None:
    """What has a tombstone is gone, and so are its images; the tombstone stays."""
    tombstone = keys.tombstone(DEFAULT_TENANT, "labelsets", LABELSET)
    records.write(machine.store, tombstone, Tombstone(deleted_at=now()))
    assert swept(machine)
    assert machine.store.head(tombstone) is not None


def test_a_key_that_holds_no_more_is_forgotten(machine: Machine) -> None:
    """Its reservation would stay for ever, one for every POST."""
    key = keys.idempotency(DEFAULT_TENANT, "a key")
    machine.store.put(key, b"{}")
    leftovers.sweep(machine, DEFAULT_TENANT, "me", now() + timedelta(days=2))
    assert machine.store.head(key) is None


def test_a_key_that_holds_is_kept(machine: Machine) -> None:
    """The same request would otherwise make a second thing."""
    key = keys.idempotency(DEFAULT_TENANT, "a key")
    machine.store.put(key, b"{}")
    leftovers.sweep(machine, DEFAULT_TENANT, "me", now())
    assert machine.store.head(key) is not None


def test_it_looks_once_in_an_interval(machine: Machine) -> None:
    """A look asks the store after every thing, which a bucket charges for."""
    assert not swept(machine)
    assert not swept(machine, days=2)
