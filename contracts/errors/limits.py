"""The errors of requests that are valid, but not now: too much was requested already."""

from contracts.errors.tree import Unavailable


class QueueFull(Unavailable):
    """Too much work waits; `queue` is the name of the queue. Nothing was stored."""

    code = "queue_full"
    title = "Too much work is waiting"

    def __init__(self, queue: str, limit: str) -> None:
        super().__init__(
            f"Expected the queue '{queue}' to hold at most {limit}. Nothing was stored. Retry later, request less, or"
            " start more workers."
        )
        self.queue = queue
