"""The workers and queues of the service: what each queue is for, how much waits, and what each worker does."""

from dataclasses import dataclass
from datetime import datetime

import redis
from fastapi import APIRouter, Response

from app.health.readiness import Ready, readiness
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.heartbeats import Heartbeat, WorkerState
from contracts.ids import plural_of, prefix_of
from contracts.kinds import OPTIONAL_QUEUES, QUEUE_NAMES, QueueName

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PURPOSES: dict[QueueName, str] = {
    "fit": "fits and labelings",
    "generate": "samples of batches, streams and generators",
    "cpu": "imports, exports and messages",
    "train": "training of generators and inverters",
    "evaluate": "trainings of evaluations",
}


@dataclass(frozen=True)
class Worker:
    """A worker that reported lately. `job` and its address are empty for no job, or one of another tenant."""

    name: str
    state: WorkerState
    device: str
    at: datetime
    job: str
    href: str


@dataclass(frozen=True)
class Queue:
    """A queue: what it is for, its workers, how many entries wait, and their predicted time on one worker."""

    name: QueueName
    purpose: str
    is_optional: bool
    workers: tuple[Worker, ...]
    num_waiting: int
    seconds: float


@router.get("/ui/workers", name="ui_workers")
def show_workers(visit: VisitDep) -> Response:
    """Show all queues with their workers."""
    ready = readiness(visit.services)
    return visit.page("workers.html", ready=ready, queues=queues_of(visit, ready))


def queues_of(visit: Visit, ready: Ready) -> list[Queue]:
    """Return the queues; nothing without Redis. A worker's job is shown to its owner only."""
    if not ready.redis:
        return []
    services = visit.services
    try:
        beats = services.ledger.fresh_workers(services.settings.heartbeat_fresh)
        return [
            Queue(
                name,
                _PURPOSES[name],
                name in OPTIONAL_QUEUES,
                tuple(_worker(visit, beat) for beat in beats if beat.queue == name),
                services.queueing.load(name).waiting,
                services.queueing.backlog_seconds(name),
            )
            for name in QUEUE_NAMES
        ]
    except redis.RedisError:
        return []


def _worker(visit: Visit, beat: Heartbeat) -> Worker:
    tenant, _, rest = (beat.job or "").partition("/")
    job = rest.partition("/")[0] if tenant == visit.tenant else ""
    href = f"/ui/{plural_of(prefix_of(job))}/{job}" if job else ""
    return Worker(beat.worker, beat.state, beat.device, beat.at, job, href)
