"""Whether requests can be served: Redis, the store, its free space, and the fresh processes of each queue."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import redis

from app.room import check_room
from app.services import Services
from contracts.base import Model
from contracts.errors.tree import Unavailable
from contracts.kinds import OPTIONAL_QUEUES, QUEUE_NAMES

Readiness = Literal["ready", "degraded", "unready"]


class Ready(Model):
    """`degraded`: requests are accepted, but some queue has no worker, or no reconciler repairs what fails.

    `store`: it can be read and written. `has_room`: its disk has enough free space to accept work; without it, requests
    for work get 503.
    """

    status: Readiness
    redis: bool
    store: bool
    has_room: bool
    workers: dict[str, int]
    reconcilers: int


@dataclass(frozen=True)
class _Processes:
    """The fresh workers of each queue, and the fresh reconcilers."""

    workers: dict[str, int]
    reconcilers: int

    @property
    def are_complete(self) -> bool:
        """Whether everything that a caller may request is done, and repaired when it fails."""
        needed = (queue for queue in QUEUE_NAMES if queue not in OPTIONAL_QUEUES)
        return self.reconcilers > 0 and all(map(self.workers.get, needed))


def readiness(services: Services) -> Ready:
    """Return what works. It is unready without Redis or the store."""
    processes = _count_processes(services)
    store, has_room = services.store_probe.is_usable(), _has_room(services)
    status: Readiness = "ready"
    if processes is None or not store:
        status = "unready"
    elif not (processes.are_complete and has_room):
        status = "degraded"
    return Ready(
        status=status,
        redis=processes is not None,
        store=store,
        has_room=has_room,
        workers=processes.workers if processes else {},
        reconcilers=processes.reconcilers if processes else 0,
    )


def _has_room(services: Services) -> bool:
    """Return whether new work is accepted: reads and deletions go on without it."""
    try:
        check_room(services.store, services.settings)
    except Unavailable:
        return False
    return True


def _count_processes(services: Services) -> _Processes | None:
    """Count the fresh processes; return None if Redis does not respond."""
    settings, counts = services.settings, Counter[str]()
    try:
        counts.update(
            beat.queue for beat in services.ledger.fresh_workers(settings.heartbeat_fresh)
        )
        reconcilers = services.ledger.count_reconcilers(settings.reconciler_fresh)
    except redis.RedisError:
        return None
    return _Processes(dict(counts), reconcilers)
