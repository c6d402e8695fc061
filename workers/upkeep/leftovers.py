"""Removes leftovers: incomplete labelsets, remains of interrupted deletions, expired Idempotency-Keys.

A resource exists once its request, or a labelset's manifest, is written. When the app is killed before that, or during
a deletion, a user's images would stay in the store forever, in no list and under an unknown id.
"""

from datetime import datetime, timedelta

import structlog

from state import keys
from state.store import ObjectInfo
from workers.runtime.machine import Machine

log = structlog.get_logger()

SWEEP_INTERVAL = timedelta(hours=1)
MAX_REQUEST_DURATION = timedelta(hours=1)
"""Longer than the decoding and storing of the largest labelset."""


def sweep(machine: Machine, tenant: str, owner: str, checked_at: datetime) -> None:
    """Sweep once per interval, in one reconciler (`owner`) only: a sweep asks the store about every resource."""
    if not machine.ledger.try_lock(f"leftovers:{tenant}", owner, SWEEP_INTERVAL):
        return
    _delete_expired_reservations(machine, tenant, checked_at)
    for noun in machine.kinds.listed_nouns:
        for resource_id in machine.store.children(keys.noun_prefix(tenant, noun)):
            is_deleted = machine.store.head(keys.tombstone(tenant, noun, resource_id)) is not None
            is_abandoned = noun == "labelsets" and _is_abandoned(
                machine, tenant, resource_id, checked_at
            )
            if is_deleted or is_abandoned:
                _delete_objects(machine, tenant, noun, resource_id)


def _delete_expired_reservations(machine: Machine, tenant: str, checked_at: datetime) -> None:
    """Delete the reservations of expired Idempotency-Keys: every POST of our client leaves one."""
    for each in list(machine.store.list(keys.idempotency_prefix(tenant))):
        if each.modified_at < _oldest_kept(machine, checked_at):
            machine.store.delete(each.key)


def _is_abandoned(machine: Machine, tenant: str, labelset_id: str, checked_at: datetime) -> bool:
    """Return whether a labelset has files but no manifest, and no request will complete it.

    An upload that is sent again under its Idempotency-Key uses the same id and the same files. So the files are kept
    until the key has expired, plus the longest duration of a request.
    """
    if machine.store.head(keys.manifest(tenant, "labelsets", labelset_id)) is not None:
        return False
    files = _objects(machine, tenant, "labelsets", labelset_id)
    return all(each.modified_at < _oldest_kept(machine, checked_at) for each in files)


def _oldest_kept(machine: Machine, checked_at: datetime) -> datetime:
    """Return the time such that every older key has expired and every older request has ended."""
    return checked_at - machine.settings.idempotency_ttl - MAX_REQUEST_DURATION


def _objects(machine: Machine, tenant: str, noun: keys.Noun, resource_id: str) -> list[ObjectInfo]:
    return list(machine.store.list(keys.thing_prefix(tenant, noun, resource_id)))


def _delete_objects(machine: Machine, tenant: str, noun: keys.Noun, resource_id: str) -> None:
    """Delete all objects of a resource except its tombstone."""
    tombstone = keys.tombstone(tenant, noun, resource_id)
    all_keys = [each.key for each in _objects(machine, tenant, noun, resource_id)]
    leftovers = [key for key in all_keys if key != tombstone]
    for key in leftovers:
        machine.store.delete(key)
    if leftovers:
        log.info("leftovers deleted", resource=resource_id, num_objects=len(leftovers))
