"""Notes what tenants used, and adds the notes of a day up, in the store (`state/rollups.py`)."""

from datetime import UTC, date, datetime

import structlog

from contracts.accounts.usage import Usage, UsageTotal
from contracts.base import now
from state.rollups import Rollup
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
        _of(store, tenant, today()).note(usage)


def of_day(store: Store, tenant: str, day: date) -> Usage:
    """Return what a tenant used on a day. Damaged notes are left out."""
    return _of(store, tenant, day).current().usage


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
    """Add the notes of a day to its total and delete them. Returns their number. For one process at a time."""
    return _of(store, tenant, day).fold()


def _of(store: Store, tenant: str, day: date) -> Rollup[Usage, UsageTotal]:
    return Rollup(
        store,
        notes=paths.notes(tenant, day),
        totals=paths.totals(tenant, day),
        note_model=Usage,
        nothing=UsageTotal(usage=NOTHING),
    )
