"""What the tenant of the API key used, by day, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from handsoff_client.http.operations import GET_USAGE
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport


@dataclass(frozen=True)
class UsageDay:
    """Usage of one day (UTC). `device_seconds` are by device: `cpu`, or the model of an accelerator."""

    day: str
    requested_pairs: int
    pairs: int
    written_bytes: int
    uploaded_bytes: int
    device_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredBytes:
    """All objects in the store, as last counted."""

    num_bytes: int
    num_objects: int


@dataclass(frozen=True)
class Usage:
    """The days with any usage, newest first; the stored bytes, if it was counted; and the limits by name."""

    items: tuple[UsageDay, ...]
    stored: StoredBytes | None = None
    limits: Mapping[str, float | None] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)


def read_usage(transport: Transport, since: date | None, until: date | None) -> Usage:
    """Return the usage of some days, by default of the last 30."""
    days = {"since": since, "until": until}
    params = {name: day.isoformat() for name, day in days.items() if day is not None}
    return parse(Usage, transport.call(GET_USAGE, params=params))
