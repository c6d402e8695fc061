"""Removes what nobody can see any more: labelsets cut off in the making, remains of deletions, keys that hold no more.

A thing exists by one object (a request, or a labelset's manifest). When the app is killed before it wrote that object,
or while it deletes, somebody's images would lie in the store for ever, in no list and under no id that anybody knows.
"""

from datetime import datetime, timedelta

import structlog

from state import keys
from state.store import ObjectInfo
from workers.runtime.machine import Machine

log = structlog.get_logger()

SWEEP_INTERVAL = timedelta(hours=1)
MAKING = timedelta(hours=1)
"""More than it takes to decode and store the largest labelset."""


def sweep(machine: Machine, tenant: str, owner: str, looked_at: datetime) -> None:
    """Looks once in an interval, whichever reconciler (`owner`) comes first: it asks the store after every thing."""
    if not machine.ledger.try_lock(f"leftovers:{tenant}", owner, SWEEP_INTERVAL):
        return
    _forget_reservations(machine, tenant, looked_at)
    for noun in keys.LISTED_NOUNS:
        for thing_id in machine.store.children(keys.noun_prefix(tenant, noun)):
            is_deleted = machine.store.head(keys.tombstone(tenant, noun, thing_id)) is not None
            is_left = noun == "labelsets" and _is_abandoned(machine, tenant, thing_id, looked_at)
            if is_deleted or is_left:
                _erase(machine, tenant, noun, thing_id)


def _forget_reservations(machine: Machine, tenant: str, looked_at: datetime) -> None:
    """Deletes the reservations of Idempotency-Keys that hold no more: every POST of our client leaves one."""
    for found in list(machine.store.list(keys.idempotency_prefix(tenant))):
        if found.modified_at < _oldest_kept(machine, looked_at):
            machine.store.delete(found.key)


def _is_abandoned(machine: Machine, tenant: str, labelset_id: str, looked_at: datetime) -> bool:
    """True for files without a manifest that no upload will come back to.

    An upload that is sent again under its Idempotency-Key takes the same id and the same files. So they are kept as
    long as the key holds, and a request that came at its very end may take.
    """
    if machine.store.head(keys.manifest(tenant, "labelsets", labelset_id)) is not None:
        return False
    files = _objects(machine, tenant, "labelsets", labelset_id)
    return all(found.modified_at < _oldest_kept(machine, looked_at) for found in files)


def _oldest_kept(machine: Machine, looked_at: datetime) -> datetime:
    """What was written before has no key that still holds, and no request that is still served."""
    return looked_at - machine.settings.idempotency_ttl - MAKING


def _objects(machine: Machine, tenant: str, noun: keys.Noun, thing_id: str) -> list[ObjectInfo]:
    return list(machine.store.list(keys.thing_prefix(tenant, noun, thing_id)))


def _erase(machine: Machine, tenant: str, noun: keys.Noun, thing_id: str) -> None:
    """Deletes everything of a thing but its tombstone."""
    tombstone = keys.tombstone(tenant, noun, thing_id)
    remains = [
        found.key for found in _objects(machine, tenant, noun, thing_id) if found.key != tombstone
    ]
    for key in remains:
        machine.store.delete(key)
    if remains:
        log.info("leftovers are deleted", thing=thing_id, num_objects=len(remains))
