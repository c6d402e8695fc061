"""The heartbeat of a worker: a separate thread writes it to the ledger every few seconds."""

from datetime import datetime, timedelta
from typing import Literal

from contracts.base import Model, Timestamp
from contracts.kinds import QueueName

WorkerState = Literal["idle", "busy", "draining"]


class Heartbeat(Model):
    """Which worker is alive, on which queue, and what it does."""

    worker: str
    queue: QueueName
    state: WorkerState
    at: Timestamp
    device: str
    job: str | None = None

    def is_fresh(self, at: datetime, within: timedelta) -> bool:
        """Return whether the heartbeat is younger than `within`."""
        return at - self.at < within
