"""The app's access to the queues: the admission, and the limit of what may wait there."""

import math
from dataclasses import replace
from datetime import timedelta

from contracts.errors.limits import QueueFull
from contracts.kinds import Kinds, QueueName
from state.admission.admission import Admission
from state.admission.costs import Cost
from state.ledger import Ledger
from state.queues import Load, load
from state.redis_calls import RedisCalls
from state.settings import Settings

_LONGEST_RETRY = timedelta(hours=1)
_GB = 1_000_000_000


class Queueing:
    """The queues. `calls` limits the time of each command. Every method may raise `redis.RedisError`."""

    def __init__(
        self, redis_url: str, calls: RedisCalls, settings: Settings, kinds: Kinds | None = None
    ) -> None:
        self._ledger = Ledger.connect(redis_url, calls)
        self._jobs = calls.connect(redis_url)
        self.admission = Admission(
            self._ledger, self._jobs, kinds or Kinds(), settings.heartbeat_fresh
        )

    def check_room(self, settings: Settings, queue: QueueName, cost: Cost, tenant: str) -> None:
        """Raise `QueueFull` if work of this predicted cost may not wait too. Anything may wait alone.

        A tenant whose own work needs less than its part of the limit is accepted: others cannot fill the queue for it.
        Requests at the same time may pass together.
        """
        waiting = self.admission.backlog(queue)
        if waiting.seconds <= 0 or self._is_within_part(settings, queue, cost, tenant):
            return
        workers = max(1, self.admission.count_workers(queue))
        limit = settings.max_queued_time.total_seconds()
        seconds = (waiting.seconds + cost.seconds) / workers
        num_bytes = waiting.num_bytes + cost.num_bytes
        if seconds > limit:
            what = f"{limit / 3600:.3g} hours of work for each worker, this would be {seconds / 3600:.3g}"
            raise _full(queue, what, seconds - limit)
        if num_bytes > settings.max_queued_bytes:
            most = settings.max_queued_bytes
            what = f"{most / _GB:.3g} GB of results, this would be {num_bytes / _GB:.3g}"
            share = (num_bytes - most) / waiting.num_bytes if waiting.num_bytes else 1
            raise _full(queue, what, share * waiting.seconds / workers)

    def _is_within_part(
        self, settings: Settings, queue: QueueName, cost: Cost, tenant: str
    ) -> bool:
        """Return whether a tenant has no more waiting than its part of the limits, beside tenants with waiting work."""
        own = self.admission.backlog(queue, tenant)
        num_tenants = self.admission.count_tenants(queue) + (own.seconds <= 0)
        seconds = (own.seconds + cost.seconds) / max(1, self.admission.count_workers(queue))
        num_bytes = own.num_bytes + cost.num_bytes
        return (
            seconds * num_tenants <= settings.max_queued_time.total_seconds()
            and num_bytes * num_tenants <= settings.max_queued_bytes
        )

    def backlog_seconds(self, queue: QueueName) -> float:
        """Return the predicted device time of all that waits in a queue."""
        return self.admission.backlog(queue).seconds

    def load(self, queue: QueueName) -> Load:
        """Return the number of entries of a queue, and the wait of the first one that RQ has."""
        of_rq = load(self._jobs, queue)
        return replace(of_rq, waiting=of_rq.waiting + self.admission.count_waiting(queue))

    def close(self) -> None:
        """Close the connections."""
        self._ledger.redis.close()
        self._jobs.close()


def _full(queue: QueueName, what: str, seconds: float) -> QueueFull:
    """Return the error; `seconds` is the predicted time until there is room."""
    error = QueueFull(queue, what)
    error.retry_after_seconds = max(1, math.ceil(min(seconds, _LONGEST_RETRY.total_seconds())))
    return error
