"""Promises of `/livez` and `/readyz`."""

import httpx2

from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.kinds import QUEUE_NAMES, QueueName
from state.ledger import Ledger


def beat(queue: QueueName) -> Heartbeat:
    """A worker on one queue, alive now."""
    return Heartbeat(worker=queue, queue=queue, state="idle", at=now(), device="cpu")


def test_without_workers_it_is_degraded(client: httpx2.Client) -> None:
    """Requests are taken, but nobody works on them: said, and still 200."""
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_with_a_worker_on_each_queue_it_is_ready(client: httpx2.Client, ledger: Ledger) -> None:
    """A fresh worker for fits, one for samples and one for imports is all that is needed."""
    for queue in QUEUE_NAMES:
        ledger.record_heartbeat(beat(queue))
    answer = client.get("/readyz").json()
    assert (answer["status"], answer["workers"]) == ("ready", {"cpu": 1, "fit": 1, "generate": 1})
