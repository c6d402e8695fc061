"""`/livez` and `/readyz`: whether the process is alive and can serve requests."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response

from app.health.readiness import Ready, readiness
from app.http.requests import ServicesDep
from contracts.base import Model

router = APIRouter(tags=["health"])


class Alive(Model):
    """The process is alive."""

    status: Literal["alive"] = "alive"


@router.get("/livez")
async def is_alive() -> Alive:  # needs no thread: all threads may be waiting for Redis or the store
    """Report that the process is alive; nothing else is checked."""
    return Alive()


@router.get("/readyz")
def is_ready(response: Response, services: ServicesDep) -> Ready:
    """Report whether requests can be served: 503 without Redis or the store.

    `degraded` without fresh workers of every queue that is needed, without a fresh reconciler, or without free space in
    the store.
    """
    ready = readiness(services)
    if ready.status == "unready":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return ready
