"""`/livez` and `/readyz`: is the process alive, and can it serve?"""

from http import HTTPStatus
from typing import Literal

import redis
from fastapi import APIRouter, Response

from app.http.requests import ServicesDep
from app.services import Services
from contracts.base import Model, now
from contracts.kinds import QUEUE_NAMES

router = APIRouter(tags=["health"])

Readiness = Literal["ready", "degraded", "unready"]


class Alive(Model):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Model):
    """`degraded`: requests are taken, but nobody works on some of them. `store`: it gives objects and takes them."""

    status: Readiness
    redis: bool
    store: bool
    workers: dict[str, int]


@router.get("/livez")
def is_alive() -> Alive:
    """Whether the process answers; looks at nothing else."""
    return Alive()


@router.get("/readyz")
def is_ready(response: Response, services: ServicesDep) -> Ready:
    """Whether requests can be served: 503 without Redis or the store; `degraded` without fresh workers."""
    workers = _count_workers(services)
    store = services.store_probe.is_usable()
    status: Readiness = "ready"
    if workers is None or not store:
        status = "unready"
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    elif not all(workers.get(queue) for queue in QUEUE_NAMES):
        status = "degraded"
    return Ready(status=status, redis=workers is not None, store=store, workers=workers or {})


def _count_workers(services: Services) -> dict[str, int] | None:
    """Fresh workers by queue; None when Redis does not answer."""
    try:
        beats = services.ledger.workers()
    except redis.RedisError:
        return None
    counts: dict[str, int] = {}
    for beat in beats:
        if beat.is_fresh(now(), services.settings.heartbeat_fresh):
            counts[beat.queue] = counts.get(beat.queue, 0) + 1
    return counts
