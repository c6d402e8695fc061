"""Removes leftovers of labelsets: incomplete ones, remains of interrupted deletions, old codes; and expired keys.

A labelset exists once its manifest is written. When the app is killed before that, or during a deletion, a user's
images would stay in the store forever, in no list and under an unknown id. `orphans.py` does the same for jobs and
streams.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from state import keys
from state.settings import Settings
from state.store import ObjectInfo, Store
from workers.runtime.machine import Machine

log = structlog.get_logger()

LABELSETS = "labelsets"
SWEEP_INTERVAL = timedelta(hours=1)
MAX_REQUEST_DURATION = timedelta(hours=1)
"""Longer than the decoding and storing of the largest labelset."""


def sweep(machine: Machine, tenant: str, owner: str, checked_at: datetime) -> None:
    """Sweep once per interval, in one reconciler (`owner`) only: a sweep asks the store about every labelset."""
    if not machine.ledger.try_lock(f"leftovers:{tenant}", owner, SWEEP_INTERVAL):
        return
    store = machine.store
    # Every older Idempotency-Key has expired, and every older request has ended.
    oldest_kept = checked_at - machine.settings.idempotency_ttl - MAX_REQUEST_DURATION
    _delete_expired_reservations(store, tenant, oldest_kept)
    for labelset_id in store.children(keys.noun_prefix(tenant, LABELSETS)):
        is_deleted = store.head(keys.tombstone(tenant, LABELSETS, labelset_id)) is not None
        if is_deleted or _is_abandoned(store, tenant, labelset_id, oldest_kept):
            _delete_objects(store, tenant, labelset_id)
        else:
            _sweep_codes(machine, tenant, labelset_id, checked_at)


def codes_to_sweep(codes: Iterable[ObjectInfo], at: datetime, settings: Settings) -> list[str]:
    """Return the keys of kept codes that are too old, and of the oldest ones beyond the limit of bytes.

    Any of them may go at any time: a fit that needs them inverts its images again.
    """
    removed, num_bytes = [], 0
    for each in sorted(codes, key=lambda each: each.modified_at, reverse=True):
        num_bytes += each.num_bytes
        is_old = at - each.modified_at > settings.codes_ttl
        if is_old or num_bytes > settings.max_codes_bytes:
            removed.append(each.key)
    return removed


def _sweep_codes(machine: Machine, tenant: str, labelset_id: str, at: datetime) -> None:
    """Bound the codes that fits have kept beside one labelset."""
    codes = machine.store.list(keys.labelset_codes(tenant, labelset_id))
    removed = codes_to_sweep(codes, at, machine.settings)
    for key in removed:
        machine.store.delete(key)
    if removed:
        log.info("kept codes deleted", labelset=labelset_id, num_objects=len(removed))


def _delete_expired_reservations(store: Store, tenant: str, oldest_kept: datetime) -> None:
    """Delete the reservations of expired Idempotency-Keys: every POST of our client leaves one."""
    for each in list(store.list(keys.idempotency_prefix(tenant))):
        if each.modified_at < oldest_kept:
            store.delete(each.key)


def _is_abandoned(store: Store, tenant: str, labelset_id: str, oldest_kept: datetime) -> bool:
    """Return whether a labelset has files but no manifest, and no request will complete it.

    An upload that is sent again under its Idempotency-Key uses the same id and the same files. So the files are kept
    until the key has expired, plus the longest duration of a request.
    """
    if store.head(keys.manifest(tenant, LABELSETS, labelset_id)) is not None:
        return False
    files = store.list(keys.resource_prefix(tenant, LABELSETS, labelset_id))
    return all(each.modified_at < oldest_kept for each in files)


def _delete_objects(store: Store, tenant: str, labelset_id: str) -> None:
    """Delete all objects of a labelset except its tombstone."""
    tombstone = keys.tombstone(tenant, LABELSETS, labelset_id)
    objects = list(store.list(keys.resource_prefix(tenant, LABELSETS, labelset_id)))
    leftovers = [each.key for each in objects if each.key != tombstone]
    for key in leftovers:
        store.delete(key)
    store.discard_unfinished(keys.resource_prefix(tenant, LABELSETS, labelset_id))
    if leftovers:
        log.info("leftovers deleted", labelset=labelset_id, num_objects=len(leftovers))
