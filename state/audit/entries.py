"""The audit log in the store: lines of JSON in objects that are written once, by tenant and day (UTC).

access/audit/{tenant}/{YYYY-MM-DD}/{HHMMSS.mmm}-{uuid}.jsonl    A  the entries of about a second of one app process

It is outside the tenants, so that it stays when a tenant is erased. An operator deletes old days.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from pydantic import ValidationError

from contracts.access.audit import AuditEntry
from contracts.ids import uuid7_hex
from state.store import Store

AUDIT = "access/audit"


def append(store: Store, entries: Iterable[AuditEntry]) -> None:
    """Store entries. An interrupted call may have stored those of some tenants."""
    groups: defaultdict[tuple[str, date], list[AuditEntry]] = defaultdict(list)
    for entry in entries:
        groups[entry.tenant, entry.at.astimezone(UTC).date()].append(entry)
    for (tenant, day), group in groups.items():
        moment: datetime = group[0].at.astimezone(UTC)
        name = f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}-{uuid7_hex()}.jsonl"
        lines = "".join(f"{entry.model_dump_json(exclude_none=True)}\n" for entry in group)
        store.put(f"{AUDIT}/{tenant}/{day.isoformat()}/{name}", lines.encode())


def places(store: Store, tenant: str, before: str | None, day: date | None) -> Iterator[str]:
    """Yield the places of a tenant's entries, newest first: those before a place, or all; of one day, or of all.

    A place is `day/name/line`. Only the listed days before it are read.
    """
    days = store.children(f"{AUDIT}/{tenant}") if day is None else (day.isoformat(),)
    for each in sorted(days, reverse=True):
        if before is None or each <= before.partition("/")[0]:
            yield from _of_day(store, f"{AUDIT}/{tenant}/{each}", before)


def read(store: Store, tenant: str, place: str) -> AuditEntry | None:
    """Return the entry at a place, or None if it is gone or cannot be read."""
    day, name, line = place.split("/")
    lines = _lines(store, f"{AUDIT}/{tenant}/{day}/{name}")
    try:
        return AuditEntry.from_stored(lines[int(line)])
    except (IndexError, ValidationError):
        return None


def _of_day(store: Store, prefix: str, before: str | None) -> Iterator[str]:
    day = prefix.rpartition("/")[2]
    for key in sorted((info.key for info in store.list(prefix)), reverse=True):
        name = key.rpartition("/")[2]
        if before is not None and f"{day}/{name}/" > before:
            continue
        for number in reversed(range(len(_lines(store, key)))):
            place = f"{day}/{name}/{number:05d}"
            if before is None or place < before:
                yield place


def _lines(store: Store, key: str) -> list[bytes]:
    try:
        return store.get(key).splitlines()
    except FileNotFoundError:
        return []
