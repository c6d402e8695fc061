"""Events of a job, as entries of a Redis stream. With the ids of the stream, a listener resumes where it stopped."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from contracts.base import Model, Timestamp
from contracts.jobs import JobStatus, Progress

EventType = Literal["status", "progress", "completed"]

MAX_EVENTS = 1_000
"""A stream keeps about this many. Older ones are dropped; the job's record still has all facts."""

FIRST = "0-0"
"""The id before all events."""


class Event(Model):
    """An event. `completed` is always the last one."""

    id: str
    type: EventType
    at: Timestamp
    data: dict[str, Any]


def status_entry(status: JobStatus, at: Timestamp) -> dict[str, str]:
    """Return the entry of a new status. A terminal one is `completed`."""
    kind: EventType = "completed" if status.is_terminal else "status"
    return _entry(kind, at, {"status": status.value})


def progress_entry(progress: Progress, at: Timestamp) -> dict[str, str]:
    """Return the entry of new progress."""
    return _entry("progress", at, progress.model_dump(mode="json"))


def read_entry(entry_id: str, fields: Mapping[str, str]) -> Event | None:
    """Return the event of an entry, or None for an entry that this version cannot read."""
    try:
        return Event.model_validate(
            {
                "id": entry_id,
                "type": fields["type"],
                "at": fields["at"],
                "data": json.loads(fields["data"]),
            }
        )
    except (KeyError, ValueError):
        return None


def _entry(kind: EventType, at: Timestamp, data: dict[str, Any]) -> dict[str, str]:
    return {"type": kind, "at": at.isoformat(), "data": json.dumps(data)}
