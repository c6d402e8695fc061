"""The first page: what runs, how many jobs there are by status, the workers and queues, and the health."""

from fastapi import APIRouter, Response

from app.health.readiness import Ready, readiness
from app.ui.jobs import JobPages, Row
from app.ui.pages.kinds import PAGES
from app.ui.pages.workers import queues_of
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, VisitDep
from contracts.jobs import JobStatus
from state.listing.statuses import StatusIndex

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NUM_RUNNING = 5


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
        queues=queues_of(visit, ready),
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
