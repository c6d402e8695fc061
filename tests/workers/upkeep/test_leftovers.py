"""Leftovers of a killed app are removed; objects that a user can still see or complete are kept."""

import dataclasses
from datetime import timedelta

import pytest

from benchmarks.counting import CountedStore
from contracts.base import now
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, Tombstone
from state import keys, records
from state.store import ObjectInfo
from workers.runtime.machine import Machine
from workers.upkeep import leftovers

LABELSET = new_id("labelset")
FILE = keys.labelset_file(DEFAULT_TENANT, LABELSET, "0" * 64, "png")


def swept(machine: Machine, *, days: int = 0) -> bool:
    """Sweep as of `days` from now; return whether the file is gone."""
    leftovers.sweep(machine, DEFAULT_TENANT, "me", now() + timedelta(days=days))
    return machine.store.head(FILE) is None


@pytest.fixture(autouse=True)
def file(machine: Machine) -> None:
    """Store an image of a labelset that has no manifest."""
    machine.store.put(FILE, b"an image")


def test_an_upload_that_was_cut_off_is_removed(machine: Machine) -> None:
    """Its images have no manifest, and its Idempotency-Key has expired."""
    assert swept(machine, days=2)


def test_an_upload_that_may_be_repeated_is_kept(machine: Machine) -> None:
    """The same Idempotency-Key would use the same id and the same files."""
    assert not swept(machine)


def test_a_labelset_is_kept(machine: Machine) -> None:
    """A labelset with a manifest is complete, so it is kept however old it is."""
    machine.store.put(keys.manifest(DEFAULT_TENANT, "labelsets", LABELSET), b"{}")
    assert not swept(machine, days=1_000)


def test_a_delete_that_was_cut_off_is_finished(machine: Machine) -> None:
    """The images of a labelset with a tombstone are deleted; the tombstone stays."""
    tombstone = keys.tombstone(DEFAULT_TENANT, "labelsets", LABELSET)
    records.write(machine.store, tombstone, Tombstone(deleted_at=now()))
    assert swept(machine)
    assert machine.store.head(tombstone) is not None


def test_the_reservation_of_an_expired_key_is_deleted(machine: Machine) -> None:
    """Otherwise every POST would leave one forever."""
    key = keys.idempotency(DEFAULT_TENANT, "a key")
    machine.store.put(key, b"{}")
    leftovers.sweep(machine, DEFAULT_TENANT, "me", now() + timedelta(days=2))
    assert machine.store.head(key) is None


def test_the_reservation_of_a_valid_key_is_kept(machine: Machine) -> None:
    """Otherwise the same request would create a second resource."""
    key = keys.idempotency(DEFAULT_TENANT, "a key")
    machine.store.put(key, b"{}")
    leftovers.sweep(machine, DEFAULT_TENANT, "me", now())
    assert machine.store.head(key) is not None


def test_old_codes_of_a_labelset_are_deleted(machine: Machine) -> None:
    """They are kept for a month, and the labelset itself for ever."""
    manifest = keys.manifest(DEFAULT_TENANT, "labelsets", LABELSET)
    code = f"{keys.labelset_codes(DEFAULT_TENANT, LABELSET)}/0.state"
    for key in (manifest, code):
        machine.store.put(key, b"{}")
    for days, is_kept in ((29, True), (31, False)):
        leftovers.sweep(machine, DEFAULT_TENANT, f"on day {days}", now() + timedelta(days=days))
        assert (machine.store.head(code) is not None) is is_kept
        machine.ledger.unlock(f"leftovers:{DEFAULT_TENANT}", f"on day {days}")
    assert machine.store.head(manifest) is not None


def test_the_newest_codes_are_kept_up_to_a_size(machine: Machine) -> None:
    """Four objects of 100 bytes, and room for 250."""
    settings = machine.settings.model_copy(update={"max_codes_bytes": 250})
    at = now()
    codes = [
        ObjectInfo(str(hours), 100, at - timedelta(hours=hours), None) for hours in (2, 4, 1, 3)
    ]
    assert leftovers.codes_to_sweep(codes, at, settings) == ["3", "4"]


def test_it_sweeps_once_per_interval(machine: Machine) -> None:
    """A sweep asks the store about every resource, and a bucket charges for that."""
    assert not swept(machine)
    assert not swept(machine, days=2)


def test_a_sweep_asks_nothing_about_jobs(machine: Machine) -> None:
    """Its cost does not grow with the jobs that were ever made."""
    store = CountedStore(machine.store.objects)
    counted = dataclasses.replace(machine, store=store)
    costs = []
    for number in range(2):
        with store.counting() as requests:
            leftovers.sweep(counted, DEFAULT_TENANT, f"{number}", now())
        costs.append(requests)
        machine.ledger.unlock(f"leftovers:{DEFAULT_TENANT}", f"{number}")
        for _ in range(9):
            ref = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
            store.put(keys.job_manifest(ref), b"{}")
    assert costs[0] == costs[1]
    assert costs[0].total() > 0
