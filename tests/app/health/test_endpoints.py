"""Tests of `/livez` and `/readyz`."""

import httpx2

from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.kinds import OPTIONAL_QUEUES, QUEUE_NAMES, QueueName
from state.ledger import Ledger
from state.settings import Settings


def beat(queue: QueueName) -> Heartbeat:
    """Return the heartbeat of a live worker on one queue."""
    return Heartbeat(worker=queue, queue=queue, state="idle", at=now(), device="cpu")


def test_without_workers_it_is_degraded(client: httpx2.Client) -> None:
    """Requests are accepted but not processed: the status is 200 with `degraded`."""
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


NEEDED = [queue for queue in QUEUE_NAMES if queue not in OPTIONAL_QUEUES]


def test_without_a_reconciler_it_is_degraded(client: httpx2.Client, ledger: Ledger) -> None:
    """Lost jobs would stay lost. One that stopped, or hangs, does not count."""
    for queue in NEEDED:
        ledger.record_heartbeat(beat(queue))
    assert client.get("/readyz").json()["status"] == "degraded"
    ledger.record_reconciler("a")
    assert client.get("/readyz").json()["status"] == "ready"
    long_ago = (now() - Settings().reconciler_fresh).timestamp()
    ledger.redis.zadd("handsoff:reconcilers", {"a": long_ago})
    answer = client.get("/readyz").json()
    assert (answer["status"], answer["reconcilers"]) == ("degraded", 0)
    for name in "bc":
        ledger.record_reconciler(name)
    ledger.remove_reconciler("c")
    assert client.get("/readyz").json()["reconcilers"] == 1


def test_with_a_worker_on_each_queue_it_is_ready(client: httpx2.Client, ledger: Ledger) -> None:
    """One live worker on every needed queue and a reconciler make the service ready; others are counted."""
    needed = NEEDED
    ledger.record_reconciler("a")
    for queue in needed:
        ledger.record_heartbeat(beat(queue))
    answer = client.get("/readyz").json()
    assert (answer["status"], answer["workers"]) == ("ready", dict.fromkeys(needed, 1))
    ledger.record_heartbeat(beat("train"))
    assert client.get("/readyz").json()["workers"]["train"] == 1
