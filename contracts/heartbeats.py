"""A worker's sign of life, written to the ledger every few seconds by a thread of its own."""

from datetime import datetime, timedelta
from typing import Literal

from contracts.base import Model, Timestamp
from contracts.kinds import QueueName

WorkerState = Literal["starting", "idle", "busy", "draining"]


class Heartbeat(Model):
    """Who is alive, on which queue, doing what."""

    worker: str
    queue: QueueName
    state: WorkerState
    at: Timestamp
    device: str
    job: str | None = None

    def is_fresh(self, at: datetime, within: timedelta) -> bool:
        """True when the sign is younger than `within`."""
        return at - self.at < within
