"""A worker's sign of life, written to the ledger every few seconds by a thread of its own."""

from datetime import datetime, timedelta
from typing import Literal

from contracts.queues import QueueName
from contracts.shapes import Shape, Timestamp

WorkerState = Literal["starting", "idle", "busy", "draining"]


class Heartbeat(Shape):
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
