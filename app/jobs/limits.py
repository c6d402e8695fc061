"""Refuses a new job that is too much now: for the disk, for a limit of its tenant, or for its queue."""

from collections.abc import Callable

import redis
import structlog

from app.access.quotas import Work
from app.room import check_room, expected_bytes, num_new_samples
from app.services import Services
from contracts.batches import BatchRequest
from contracts.jobs import Request
from state.admission.costs import Cost

log = structlog.get_logger()


def check_work(services: Services, request: Request, pairs: int) -> None:
    """Raise `Unavailable` without space for the results, or `QuotaExceeded` beyond a limit of the tenant."""
    store, num_bytes = services.store, expected_bytes(services.store, request)
    check_room(store, services.settings, num_bytes)
    services.tenants.admit_work(request.tenant, Work(pairs=pairs, stored_bytes=num_bytes), store)


def num_pairs(services: Services, request: Request) -> int:
    """Return how many pairs a request lets workers render."""
    return num_new_samples(services.store, request) if isinstance(request, BatchRequest) else 0


def check_queue(services: Services, request: Request, predict: Callable[[], Cost | None]) -> None:
    """Raise `QueueFull` if too much waits in the request's queue. Without Redis, the request waits in the store."""
    task = services.kinds.of(request.ref).task_for(request)
    queue, costs = task.queue_for(request), services.queueing.admission.costs
    try:
        cost = predict() or costs.of_entry(task, queue)
        services.queueing.check_room(services.settings, queue, cost, request.tenant)
    except redis.RedisError as error:
        log.warning("limit of the queue not checked", job=str(request.ref), error=str(error))
