"""Jobs that are deleted some time after their end: a mark for each, so that a sweep is one listing.

tenants/{tenant}/expiring/{job}              A  the job has not ended as far as known
tenants/{tenant}/expiring/{seconds}-{job}    W  it ended, and is deleted at this time (seconds since 1970)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.jobs import JobRef
from state import keys
from state.store import Store

_NAME = re.compile(r"(?:([0-9]{12})-)?([a-z][a-z0-9]{0,30}_[0-9a-f]{32})")


@dataclass(frozen=True)
class Mark:
    """The mark of a job: its key, when it was stored, and when the job is deleted, once it has ended."""

    key: str
    ref: JobRef
    stored_at: datetime
    due_at: datetime | None


def mark(store: Store, ref: JobRef) -> None:
    """Mark a new job as one that expires."""
    store.put(f"{_prefix(ref.tenant)}/{ref.id}", b"")


def mark_due(store: Store, known: Mark, due_at: datetime) -> None:
    """Replace the mark of a job that has ended by one with the time of its deletion."""
    name = f"{int(due_at.timestamp()):012d}-{known.ref.id}"
    store.put(f"{_prefix(known.ref.tenant)}/{name}", b"")
    store.delete(known.key)


def marks(store: Store, tenant: str) -> Iterator[Mark]:
    """Yield the marks of a tenant. Objects of other names are left out."""
    for info in store.list(_prefix(tenant)):
        match = _NAME.fullmatch(info.key.rpartition("/")[2])
        if match is not None:
            due_at = datetime.fromtimestamp(int(match[1]), UTC) if match[1] else None
            yield Mark(info.key, JobRef(tenant=tenant, id=match[2]), info.modified_at, due_at)


def _prefix(tenant: str) -> str:
    return keys.noun_prefix(tenant, "expiring")
