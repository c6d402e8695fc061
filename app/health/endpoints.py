"""`/livez` and `/readyz`: whether the process is alive and can serve requests."""

from http import HTTPStatus
from typing import Literal

import redis
from fastapi import APIRouter, Response

from app.http.requests import ServicesDep
from app.services import Services
from contracts.base import Model, now
from contracts.kinds import OPTIONAL_QUEUES, QUEUE_NAMES

router = APIRouter(tags=["health"])

Readiness = Literal["ready", "degraded", "unready"]


class Alive(Model):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Ready(Model):
    """`degraded`: requests are accepted, but some queue has no worker. `store`: it can be read and written."""

    status: Readiness
    redis: bool
    store: bool
    workers: dict[str, int]


@router.get("/livez")
async def is_alive() -> Alive:  # needs no thread: all threads may be waiting for Redis or the store
    """Report that the process is alive; nothing else is checked."""
    return Alive()


@router.get("/readyz")
def is_ready(response: Response, services: ServicesDep) -> Ready:
    """Report whether requests can be served: 503 without Redis or the store, `degraded` without fresh workers."""
    workers = _count_workers(services)
    store = services.store_probe.is_usable()
    status: Readiness = "ready"
    if workers is None or not store:
        status = "unready"
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    elif not all(workers.get(queue) for queue in QUEUE_NAMES if queue not in OPTIONAL_QUEUES):
        status = "degraded"
    return Ready(status=status, redis=workers is not None, store=store, workers=workers or {})


def _count_workers(services: Services) -> dict[str, int] | None:
    """Count the fresh workers of each queue; return None if Redis does not respond."""
    try:
        beats = services.ledger.workers()
    except redis.RedisError:
        return None
    counts: dict[str, int] = {}
    for beat in beats:
        if beat.is_fresh(now(), services.settings.heartbeat_fresh):
            counts[beat.queue] = counts.get(beat.queue, 0) + 1
    return counts
