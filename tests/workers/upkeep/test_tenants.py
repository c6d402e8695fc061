"""The upkeep of tenants in a round of the reconciler: weights, usage, stored bytes."""

from contextlib import nullcontext
from datetime import timedelta

import pytest

from contracts.access.tenants import TenantLimits
from contracts.accounts.usage import Usage
from contracts.base import now
from state import redis_keys
from state.access import erasure, tenant_records
from state.listing.statuses import StatusIndex
from state.usage import notes, paths
from state.usage.stored import read_stored
from workers.runtime.machine import Machine
from workers.upkeep.reconcile import Reconciler
from workers.upkeep.tenants import TenantUpkeep


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Return a machine whose store has a note of ada."""
    notes.note(machine.store, "ada", Usage(pairs=3))
    return machine


def test_weights_return_after_a_loss_of_redis(machine: Machine) -> None:
    """The store has them. Those of tenants that have none any more are removed."""
    limits = TenantLimits(weight=2, seconds_in_workers=60, jobs_in_workers=3)
    tenant_records.set_limits(machine.store, "ada", limits)
    machine.ledger.redis.flushall()
    machine.ledger.redis.hset(redis_keys.TENANT_PARTS, "bob", "5 - -")
    Reconciler(machine).reconcile()
    assert machine.ledger.redis.hgetall(redis_keys.TENANT_PARTS) == {"ada": "2.0 60.0 3"}


def test_a_new_tenant_with_limits_has_complete_lists(machine: Machine) -> None:
    """Its first job can be counted at once, though it has no object yet. An erased one is left out."""
    for tenant in ("bob", "eve"):
        tenant_records.set_limits(machine.store, tenant, TenantLimits(queued_jobs=5))
    erasure.erase(machine.store, "eve")
    Reconciler(machine).reconcile()
    for tenant, is_complete in (("bob", True), ("eve", False)):
        indexes = [
            StatusIndex(machine.ledger.redis, tenant, kind.noun).is_complete
            for kind in machine.kinds
        ]
        assert indexes == [is_complete] * len(indexes)


def test_a_damaged_record_leaves_the_earlier_one(machine: Machine) -> None:
    """A tenant does not lose its limits by one."""
    tenant_records.set_limits(machine.store, "ada", TenantLimits(weight=2))
    machine.store.put("access/tenants/ada/zz.json", b"{")
    Reconciler(machine).reconcile()
    assert machine.ledger.redis.hget(redis_keys.TENANT_PARTS, "ada") == "2.0 - -"


def test_notes_are_folded(machine: Machine) -> None:
    """Those of this day, and those that were noted just before midnight."""
    midnight = now().replace(hour=0, minute=5)
    yesterday = notes.day_of(midnight - timedelta(minutes=10))
    content = Usage(pairs=2).model_dump_json().encode()
    machine.store.put(f"{paths.notes('ada', yesterday)}/x.json", content)
    TenantUpkeep(machine, "me").round("ada", midnight, lambda _: nullcontext())
    for day, pairs in ((notes.today(), 3), (yesterday, 2)):
        assert list(machine.store.list(paths.notes("ada", day))) == []
        assert notes.of_day(machine.store, "ada", day).pairs == pairs


def test_stored_bytes_are_measured(machine: Machine) -> None:
    """Beside the round, at most once an hour."""
    machine.store.put("tenants/ada/x", bytes(100))
    upkeep = TenantUpkeep(machine, "me")
    upkeep.round("ada", now(), lambda _: nullcontext())
    assert upkeep.measuring is not None
    upkeep.measuring.join()
    measured = read_stored(machine.store, "ada")
    assert measured is not None
    assert measured.num_bytes > 100
    machine.store.put("tenants/ada/y", bytes(100))
    upkeep.round("ada", now(), lambda _: nullcontext())
    upkeep.measuring.join()
    assert read_stored(machine.store, "ada") == measured


def test_an_erased_tenant_stays_empty(machine: Machine) -> None:
    """A worker wrote a result after the erasure: the next round deletes it, and repairs nothing of the tenant."""
    erasure.erase(machine.store, "ada")
    assert list(machine.store.list("tenants/ada")) == []
    machine.store.put("tenants/ada/fits/x/manifest.json", b"{}")
    machine.ledger.redis.set("handsoff:index:ada:fits", "x")
    Reconciler(machine).reconcile()
    assert list(machine.store.list("tenants/ada")) == []
    assert machine.ledger.redis.keys("*ada*") == []
