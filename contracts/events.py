"""What happened to a job, as entries of a Redis stream. The stream's own ids let a listener go on where it stopped."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from contracts.base import Model, Timestamp
from contracts.jobs import JobStatus, Progress

EventType = Literal["status", "progress", "completed"]

MAX_EVENTS = 1_000
"""A stream keeps about this many; older ones are dropped, and the job's record still says everything."""

FIRST = "0-0"
"""Comes before every event."""


class Event(Model):
    """One event. `completed` is always the last."""

    id: str
    type: EventType
    at: Timestamp
    data: dict[str, Any]


def status_entry(status: JobStatus, at: Timestamp) -> dict[str, str]:
    """The entry for a change of status; a terminal one is `completed`."""
    kind: EventType = "completed" if status.is_terminal else "status"
    return _entry(kind, at, {"status": status.value})


def progress_entry(progress: Progress, at: Timestamp) -> dict[str, str]:
    """The entry for a step forward."""
    return _entry("progress", at, progress.model_dump(mode="json"))


def read_entry(entry_id: str, fields: Mapping[str, str]) -> Event:
    """A stream's entry as an event."""
    return Event.model_validate(
        {
            "id": entry_id,
            "type": fields["type"],
            "at": fields["at"],
            "data": json.loads(fields["data"]),
        }
    )


def _entry(kind: EventType, at: Timestamp, data: dict[str, Any]) -> dict[str, str]:
    return {"type": kind, "at": at.isoformat(), "data": json.dumps(data)}
