"""The heartbeat of a worker. A thread of the worker writes it to the ledger every few seconds."""

from datetime import datetime, timedelta
from typing import Literal

from contracts.base import Model, Timestamp
from contracts.kinds import QueueName

WorkerState = Literal["idle", "busy", "draining"]


class Heartbeat(Model):
    """The state of a worker at one time: its queue, its device, and the job that it works on."""

    worker: str
    queue: QueueName
    state: WorkerState
    at: Timestamp
    device: str
    job: str | None = None

    def is_fresh(self, at: datetime, within: timedelta) -> bool:
        """Return whether the heartbeat is younger than `within`."""
        return at - self.at < within
