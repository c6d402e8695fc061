"""The first page: what runs, how many jobs there are by status, the workers and queues, and the health."""

from dataclasses import dataclass

import redis
from fastapi import APIRouter, Response

from app.health.readiness import Ready, readiness
from app.ui.jobs import JobPages, Row
from app.ui.pages.kinds import PAGES
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, VisitDep
from contracts.heartbeats import Heartbeat
from contracts.jobs import JobStatus
from contracts.kinds import OPTIONAL_QUEUES, QUEUE_NAMES
from state.listing.statuses import StatusIndex

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NUM_RUNNING = 5


@dataclass(frozen=True)
class Queue:
    """A queue: what it is for, its fresh workers, and how many entries wait."""

    name: str
    is_optional: bool
    workers: tuple[Heartbeat, ...]
    num_waiting: int


@router.get("/", name="root")
async def lead() -> Response:
    """Lead to the page."""
    return see("/ui")


@router.get("/ui", name="ui")
def show_overview(visit: VisitDep) -> Response:
    """Show the state of the service and of the visitor's jobs."""
    ready = readiness(visit.services)
    return visit.page(
        "overview.html",
        ready=ready,
        counts=[(pages, _counts(visit, pages, ready)) for pages in PAGES],
        running=_running(visit, ready),
        queues=_queues(visit, ready),
    )


def _counts(visit: Visit, pages: JobPages, ready: Ready) -> dict[JobStatus, int]:  # type: ignore[type-arg]
    """Return the number of jobs of each status that has any; nothing without Redis."""
    if not ready.redis:
        return {}
    index = StatusIndex(visit.services.ledger.redis, visit.tenant, pages.noun)
    counts = {status: index.count(status) for status in JobStatus}
    return {status: count for status, count in counts.items() if count}


def _running(visit: Visit, ready: Ready) -> list[Row]:
    """Return the jobs that run, newest first."""
    if not ready.redis or not ready.store:
        return []
    rows: list[Row] = []
    for status in (JobStatus.RUNNING, JobStatus.CANCELLING, JobStatus.QUEUED):
        for pages in PAGES:
            rows += pages.rows(visit, limit=NUM_RUNNING, status=status).items
    return rows[: 2 * NUM_RUNNING]


def _queues(visit: Visit, ready: Ready) -> list[Queue]:
    """Return the queues. A worker's job is shown to its owner only."""
    if not ready.redis:
        return []
    services, own = visit.services, f"{visit.tenant}/"
    try:
        beats = services.ledger.fresh_workers(services.settings.heartbeat_fresh)
        waiting = {name: services.queueing.admission.count_waiting(name) for name in QUEUE_NAMES}
    except redis.RedisError:
        return []
    shown = [
        beat if (beat.job or own).startswith(own) else beat.model_copy(update={"job": None})
        for beat in beats
    ]
    return [
        Queue(
            name,
            name in OPTIONAL_QUEUES,
            tuple(beat for beat in shown if beat.queue == name),
            waiting[name],
        )
        for name in QUEUE_NAMES
    ]
