"""The sender: every end of a job reaches its endpoints, whatever is killed or lost in between."""

import json
from datetime import timedelta

import pytest

from contracts.accounts.webhooks import Attempt, Delivery, Message
from contracts.base import now
from contracts.fits.fit import FitRequest
from contracts.jobs import JobStatus
from state import records, redis_keys
from state.ledger import Ledger
from state.webhooks import deliveries, endpoints, paths
from state.webhooks.ends import note_end
from tests.workers.scene import Scene
from tests.workers.webhooks.conftest import Add, Received
from workers.outgoing.rounds import JITTER
from workers.runtime.machine import Machine
from workers.webhooks.sender import RETRY_AFTER, WebhookSender, after_attempt


@pytest.fixture
def sender(machine: Machine) -> WebhookSender:
    """Return a sender. Its thread does not run."""
    return WebhookSender(machine, "me")


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a fit that waits."""
    return scene.request_fit()


def end(machine: Machine, fit: FitRequest) -> None:
    """Cancel a fit, as a worker does."""
    manifest = machine.kinds.of(fit.ref).manifest
    cancelled = records.ended_without_result(manifest, JobStatus.CANCELLED, None)
    records.finish(machine.store, machine.ledger, fit.ref, cancelled)


def marks(machine: Machine) -> list[str]:
    """Return all notes and marks."""
    prefixes = (paths.ended_prefix("default"), paths.due_prefix("default"))
    return [info.key for prefix in prefixes for info in machine.store.list(prefix)]


def test_the_end_of_a_job_is_sent(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """Once, to every endpoint that wants it, with the id of the job. The log has the attempt."""
    wanted, other = add("fit", "cancelled"), add("batch")
    add("failed", tenant="another")
    end(machine, fit)
    sender.attend(1)
    ((_, body),) = received.requests
    message = json.loads(body)
    assert message["type"] == "fit.cancelled"
    assert message["data"]["id"] == fit.id
    assert message["data"]["path"] == f"/v1/fits/{fit.id}"
    delivery = deliveries.read(machine.store, "default", wanted.id, message["id"])
    assert delivery is not None
    assert (delivery.state, delivery.attempts[0].status) == ("delivered", 204)
    assert deliveries.read(machine.store, "default", other.id, message["id"]) is None
    assert marks(machine) == []
    sender.scan()
    assert len(received.requests) == 1


def test_a_tenant_without_endpoints_costs_nothing(
    machine: Machine, fit: FitRequest, ledger: Ledger
) -> None:
    """No object is stored at the end of its jobs, and no process is woken."""
    end(machine, fit)
    assert marks(machine) == []
    assert not ledger.redis.exists(redis_keys.WEBHOOKS)


def test_a_lost_redis_loses_no_message(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """The scan of the store finds it."""
    add()
    end(machine, fit)
    machine.ledger.redis.flushall()
    sender.scan()
    assert len(received.requests) == 1


def test_a_worker_killed_at_the_end_loses_no_message(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """It had noted the end, and stored no manifest. Another one ends the job later."""
    add()
    note_end(machine.store, fit.ref)
    sender.scan()
    assert received.requests == []
    end(machine, fit)
    sender.scan()
    assert len(received.requests) == 1


def test_a_sender_killed_after_an_attempt_repeats_it(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """With the same id, so the endpoint can recognise it."""
    endpoint = add()
    end(machine, fit)
    sender.scan()
    message_id = json.loads(received.requests[0][1])["id"]
    sent = deliveries.read(machine.store, "default", endpoint.id, message_id)
    assert sent is not None
    before = sent.model_copy(update={"state": "pending", "attempts": (), "due_at": now()})
    deliveries.update(machine.store, "default", before)
    note_end(machine.store, fit.ref)  # nor had it deleted the note
    WebhookSender(machine, "other").scan()
    assert [json.loads(body)["id"] for _, body in received.requests] == [message_id] * 2


def test_one_process_sends(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """While another has the lock of a tenant, nothing is sent twice."""
    add()
    end(machine, fit)
    machine.ledger.try_lock("webhooks:default", "another", timedelta(minutes=1))
    sender.scan()
    assert received.requests == []


def test_a_failed_attempt_is_repeated_when_it_is_due(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """Not before. An operator may redeliver it at once."""
    endpoint = add()
    received.statuses = [503]
    end(machine, fit)
    for _ in range(2):
        sender.scan()
    message_id = json.loads(received.requests[0][1])["id"]
    delivery = deliveries.read(machine.store, "default", endpoint.id, message_id)
    assert delivery is not None
    assert (delivery.state, len(received.requests)) == ("pending", 1)
    deliveries.redeliver(machine.store, "default", delivery)
    sender.scan()
    delivery = deliveries.read(machine.store, "default", endpoint.id, message_id)
    assert delivery is not None
    assert [one.status for one in delivery.attempts] == [503, 204]
    assert delivery.state == "delivered"


def test_a_repeated_attempt_needs_no_scan(
    machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """A scan is once a minute; the first wait is five seconds."""
    add()
    received.statuses = [503]
    sender = WebhookSender(machine, "me", waits=[timedelta(0)])
    end(machine, fit)
    sender.attend(1)
    assert len(received.requests) == 1
    for _ in range(2):
        sender.repeat()
    assert len(received.requests) == 2


def test_both_secrets_sign_after_a_rotation(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """For the grace time."""
    endpoint = add()
    endpoints.add_secret(machine.store, "default", endpoint.id, timedelta(hours=1))
    end(machine, fit)
    sender.scan()
    headers = {name.lower(): value for name, value in received.requests[0][0].items()}
    assert len(headers["webhook-signature"].split()) == 2


def test_a_deleted_endpoint_gets_nothing(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """Its pending messages are dropped."""
    endpoint, _ = add(), add()
    received.statuses = [500, 500]
    end(machine, fit)
    sender.scan()
    endpoints.delete(machine.store, "default", endpoint.id)
    sender.scan()
    assert len(received.requests) == 2
    assert len(marks(machine)) == 1


def test_odd_notes_stop_nothing(
    sender: WebhookSender, machine: Machine, fit: FitRequest, add: Add, received: Received
) -> None:
    """Another program wrote them, or the job does not exist. They are dropped."""
    add()
    for name in ("x.json", f"fit_{'0' * 32}.json", "portraits-64.json"):
        machine.store.put(f"{paths.ended_prefix('default')}/{name}", b"{}")
    machine.store.put(f"{paths.due_prefix('default')}/odd", b"")
    end(machine, fit)
    sender.scan()
    assert len(received.requests) == 1
    assert marks(machine) == []


def test_attempts_end(message: Message) -> None:
    """After nine within about 18 hours. 410 ends them at once. The waits grow and differ."""
    delivery = Delivery(webhook=f"webhook_{'0' * 32}", message=message, state="pending")
    bad = Attempt(at=now(), seconds=0.1, status=500, error="the endpoint answered 500")
    waits = []
    while delivery.state == "pending":
        delivery = after_attempt(delivery, bad, bad.at)
        if delivery.due_at is not None:
            waits.append(delivery.due_at - bad.at)
    assert (delivery.state, len(delivery.attempts)) == ("failed", 9)
    for wait, expected in zip(waits, RETRY_AFTER, strict=True):
        assert abs(wait / expected - 1) <= JITTER + 0.001
    again = delivery.model_copy(update={"state": "pending", "first": 9})
    for _ in range(60):
        again = after_attempt(again, bad, bad.at)
    assert len(again.attempts) == 30
    gone = bad.model_copy(update={"status": 410})
    fresh = Delivery(webhook=delivery.webhook, message=message, state="pending")
    assert after_attempt(fresh, gone, bad.at).state == "failed"
