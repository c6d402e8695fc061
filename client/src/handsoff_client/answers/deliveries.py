"""The delivery of a batch to addresses of its caller."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class DeliveryTarget:
    """Where a delivery goes: kind (urls or template) and host. Addresses are never shown."""

    kind: str
    host: str


@dataclass(frozen=True)
class Delivery:
    """How far a delivery is. `status` is waiting, delivering, delivered or failed; `error` is the last failure."""

    target: DeliveryTarget
    status: str
    num_files: int
    num_delivered: int
    attempts: int
    error: str | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None
    json: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
