"""Deletes what killed or stopped workers left inside resources: staging files, and objects that no record names.

Unlike `leftovers.py`, which removes resources that were never completed, this keeps the resource. It visits only what
the plan of sweeps contains: resources that were worked on, ended or deleted since their last sweep.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

import structlog

from state import keys
from state.leftovers.named import unnamed_objects
from state.leftovers.plan import SweepPlan
from state.store import ObjectInfo, Store
from workers.runtime.machine import Machine

log = structlog.get_logger()

MAX_VISITS = 50
"""The most resources of one round: each costs a listing, and the repair of jobs must not wait."""


def sweep(
    machine: Machine, checked_at: datetime, on_visit: Callable[[], object] = lambda: None
) -> None:
    """Sweep the resources whose time has come. Nothing younger than `orphan_age` is deleted.

    `on_visit` is called before each resource: on a bucket, the sweep of a large one takes seconds.
    """
    plan = SweepPlan(machine.ledger)
    oldest_kept = checked_at - machine.settings.orphan_age
    if not plan.is_complete():
        plan.add(_all_resources(machine), oldest_kept)
        plan.mark_complete()
    busy = _busy(machine, checked_at)
    for prefix in plan.planned_before(oldest_kept, MAX_VISITS):
        on_visit()
        if _sweep_resource(machine, prefix, oldest_kept, busy):
            plan.drop(prefix)
        else:
            plan.put_off(prefix, checked_at)


def _all_resources(machine: Machine) -> list[str]:
    store = machine.store
    return [
        keys.resource_prefix(tenant, noun, resource_id)
        for tenant in store.children("tenants")
        for noun in machine.kinds.listed_nouns
        for resource_id in store.children(keys.noun_prefix(tenant, noun))
    ]


def _busy(machine: Machine, at: datetime) -> Collection[str]:
    """Return what live workers work on, as the arguments of their calls (`default/batch_0192.../17`)."""
    fresh = machine.settings.heartbeat_fresh
    return {beat.job for beat in machine.ledger.workers() if beat.job and beat.is_fresh(at, fresh)}


def _sweep_resource(
    machine: Machine, prefix: str, oldest_kept: datetime, busy: Collection[str]
) -> bool:
    """Delete the leftovers of one resource that are older than `oldest_kept`. Returns False if any may remain.

    A worker that is alive may be writing the resource, however long ago its last write was: then nothing is deleted.
    """
    _, tenant, _, resource_id = prefix.split("/")
    owner = f"{tenant}/{resource_id}"
    if any(f"{argument}/".startswith(f"{owner}/") for argument in busy):
        return False
    num_kept = machine.store.discard_unfinished(prefix, oldest_kept)
    for info in list(_orphans(machine.store, prefix)):
        if info.modified_at < oldest_kept:
            machine.store.delete(info.key)
            log.info("orphan deleted", key=info.key, num_bytes=info.num_bytes)
        else:
            num_kept += 1
    return num_kept == 0


def _orphans(store: Store, prefix: str) -> Iterator[ObjectInfo]:
    """Yield the objects that no record names; of a deleted resource, all but the tombstone."""
    tombstone = f"{prefix}/{keys.TOMBSTONE}"
    if store.head(tombstone) is None:
        yield from unnamed_objects(store, prefix)
    else:
        yield from (info for info in store.list(prefix) if info.key != tombstone)
