"""Removes leftovers: incomplete labelsets, remains of interrupted deletions, expired Idempotency-Keys.

One object makes a thing exist (a request, or a labelset's manifest). When the app is killed before it writes that
object, or during a deletion, images of a user would stay in the store for ever, in no list and under no known id.
"""

from datetime import datetime, timedelta

import structlog

from state import keys
from state.store import ObjectInfo
from workers.runtime.machine import Machine

log = structlog.get_logger()

SWEEP_INTERVAL = timedelta(hours=1)
MAKING = timedelta(hours=1)
"""Longer than the decoding and storing of the largest labelset."""


def sweep(machine: Machine, tenant: str, owner: str, checked_at: datetime) -> None:
    """Sweep once in an interval, in the first reconciler (`owner`) to do so: it reads the store for every thing."""
    if not machine.ledger.try_lock(f"leftovers:{tenant}", owner, SWEEP_INTERVAL):
        return
    _forget_reservations(machine, tenant, checked_at)
    for noun in machine.kinds.listed_nouns:
        for resource_id in machine.store.children(keys.noun_prefix(tenant, noun)):
            is_deleted = machine.store.head(keys.tombstone(tenant, noun, resource_id)) is not None
            is_left = noun == "labelsets" and _is_abandoned(
                machine, tenant, resource_id, checked_at
            )
            if is_deleted or is_left:
                _erase(machine, tenant, noun, resource_id)


def _forget_reservations(machine: Machine, tenant: str, checked_at: datetime) -> None:
    """Delete the reservations of expired Idempotency-Keys: every POST of our client leaves one."""
    for one in list(machine.store.list(keys.idempotency_prefix(tenant))):
        if one.modified_at < _oldest_kept(machine, checked_at):
            machine.store.delete(one.key)


def _is_abandoned(machine: Machine, tenant: str, labelset_id: str, checked_at: datetime) -> bool:
    """Return whether a labelset has files but no manifest, and no request will complete it.

    An upload that is sent again under its Idempotency-Key uses the same id and the same files. So files are kept until
    the key has expired, and for as long as one request may take after that.
    """
    if machine.store.head(keys.manifest(tenant, "labelsets", labelset_id)) is not None:
        return False
    files = _objects(machine, tenant, "labelsets", labelset_id)
    return all(one.modified_at < _oldest_kept(machine, checked_at) for one in files)


def _oldest_kept(machine: Machine, checked_at: datetime) -> datetime:
    """Return the time before which every key has expired and every request has been served."""
    return checked_at - machine.settings.idempotency_ttl - MAKING


def _objects(machine: Machine, tenant: str, noun: keys.Noun, resource_id: str) -> list[ObjectInfo]:
    return list(machine.store.list(keys.resource_prefix(tenant, noun, resource_id)))


def _erase(machine: Machine, tenant: str, noun: keys.Noun, resource_id: str) -> None:
    """Delete everything of a thing except its tombstone."""
    tombstone = keys.tombstone(tenant, noun, resource_id)
    remains = [
        one.key for one in _objects(machine, tenant, noun, resource_id) if one.key != tombstone
    ]
    for key in remains:
        machine.store.delete(key)
    if remains:
        log.info("leftovers are deleted", thing=resource_id, num_objects=len(remains))
