"""Notes what tenants used, and adds the notes of a day up. All of it is in the store, so a lost Redis changes nothing.

A note is one small object, written once. From time to time the reconciler folds the notes of a day into a new total and
deletes them. A total names the notes that it added, so a note that could not be deleted is not counted twice.
"""

from datetime import UTC, date, datetime

import structlog

from contracts.accounts.usage import Usage, UsageTotal
from contracts.base import now
from contracts.ids import uuid7_hex
from state import records
from state.store import Store
from state.usage import paths

log = structlog.get_logger()

NOTHING = Usage()


def today() -> date:
    """Return the present day in UTC."""
    return now().astimezone(UTC).date()


def day_of(at: datetime) -> date:
    """Return the day of a time in UTC."""
    return at.astimezone(UTC).date()


def note(store: Store, tenant: str, usage: Usage) -> None:
    """Store what a tenant used now. Nothing is stored for nothing."""
    if usage != NOTHING:
        key = f"{paths.notes(tenant, today())}/{uuid7_hex()}.json"
        store.put(key, usage.model_dump_json().encode())


def of_day(store: Store, tenant: str, day: date) -> Usage:
    """Return what a tenant used on a day. Damaged notes are left out."""
    found = _notes(store, tenant, day)  # before the total: a note that it adds is in one of both
    _, total = _newest(store, tenant, day)
    return total.usage + _sum(store, [key for key in found if _name(key) not in total.folded])


def known_days(store: Store, tenant: str) -> list[date]:
    """Return the days with any usage, oldest first."""
    found = []
    for name in store.children(paths.days(tenant)):
        try:
            found.append(date.fromisoformat(name))
        except ValueError:  # another program wrote it
            log.warning("day of usage skipped", tenant=tenant, day=name[:100])
    return sorted(found)


def fold(store: Store, tenant: str, day: date) -> int:
    """Add the notes of a day to its total and delete them. Returns their number.

    Only one process should do so at a time. If two do, the first total of a number stays, and the other process
    deletes nothing.
    """
    number, before = _newest(store, tenant, day)
    listed = _notes(store, tenant, day)
    fresh = [key for key in listed if _name(key) not in before.folded]
    if fresh:
        folded = tuple(map(_name, listed))  # those of the last total too: they may be there still
        total = UsageTotal(usage=before.usage + _sum(store, fresh), folded=folded)
        key = paths.total(tenant, day, number + 1)
        if not store.create(key, total.model_dump_json().encode()):
            return 0
    for each in listed:
        store.delete(each)
    _forget_old_totals(store, tenant, day)
    return len(fresh)


def _notes(store: Store, tenant: str, day: date) -> list[str]:
    return sorted(info.key for info in store.list(paths.notes(tenant, day)))


def _sum(store: Store, keys: list[str]) -> Usage:
    read = records.read_all_intact(store, keys, Usage)
    return sum((each for each in read if each is not None), NOTHING)


def _newest(store: Store, tenant: str, day: date) -> tuple[int, UsageTotal]:
    """Return the number and the content of the newest total that can be read; 0 and nothing without one."""
    listed = sorted((info.key for info in store.list(paths.totals(tenant, day))), reverse=True)
    for key in listed:
        total = records.read_intact(store, key, UsageTotal)
        if total is not None:
            return int(_name(listed[0])), total
    return 0, UsageTotal(usage=NOTHING)


def _forget_old_totals(store: Store, tenant: str, day: date) -> None:
    """Delete all totals but the newest two: a slow process may still be reading the second."""
    for key in sorted(info.key for info in store.list(paths.totals(tenant, day)))[:-2]:
        store.delete(key)


def _name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")
