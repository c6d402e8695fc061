"""Batches of a fit that has not ended: they are accepted, and wait for it."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state.ledger import Ledger
from state.waiting.attention import Attention

Queued = Callable[[str], list[str]]


def create(client: httpx2.Client, fit_id: str, **more: object) -> Any:
    """Return the answer to a new batch of 20 samples."""
    answer = client.post("/v1/batches", json={"fit": fit_id, "n": 20, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_a_batch_may_name_a_queued_fit(client: httpx2.Client, fit_id: str, queued: Queued) -> None:
    """It is queued without a digest, says what it waits for, and puts nothing into the queue."""
    batch = create(client, fit_id)
    assert (batch["status"], batch["fit"]) == ("queued", {"id": fit_id, "digest": None})
    assert batch["progress"]["stage"] == f"waiting for {fit_id}"
    assert batch["queue_position"] is None
    assert queued("generate") == []
    events = client.get(f"/v1/batches/{batch['id']}/events").json()["items"]
    assert events[-1]["data"]["stage"] == f"waiting for {fit_id}"
    listed = client.get("/v1/batches", params={"status": "queued"}).json()["items"]
    assert [one["id"] for one in listed] == [batch["id"]]


def test_a_running_fit_is_waited_for(client: httpx2.Client, fit_id: str, ledger: Ledger) -> None:
    """The stage does not depend on Redis: it is the same after Redis has lost its data."""
    ledger.record_start(JobRef(tenant=DEFAULT_TENANT, id=fit_id), 1)
    batch = create(client, fit_id)
    ledger.redis.flushall()
    shown = client.get(f"/v1/batches/{batch['id']}").json()
    assert (shown["status"], shown["progress"]["stage"]) == ("queued", f"waiting for {fit_id}")


@pytest.mark.parametrize(
    ("field", "value"),
    [("condition", 1), ("soft_labels", 8), ("targets", [{"kind": "presence", "class_name": "x"}])],
    ids=["condition", "soft_labels", "targets"],
)
def test_the_classes_of_a_waiting_batch_are_checked(
    client: httpx2.Client, fit_id: str, field: str, value: object
) -> None:
    """They follow from the labelset of the fit, so a wrong one is refused at once."""
    answer = client.post("/v1/batches", json={"fit": fit_id, "n": 1, field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


def test_a_cancelled_fit_is_refused(client: httpx2.Client, fit_id: str) -> None:
    """It will not succeed: the answer is 409 and says its status."""
    client.post(f"/v1/fits/{fit_id}/cancel")
    answer = client.post("/v1/batches", json={"fit": fit_id, "n": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "fit_not_ready")
    assert "is cancelling" in answer.json()["detail"]


def test_a_stream_needs_a_fit_that_has_succeeded(client: httpx2.Client, fit_id: str) -> None:
    """A reader would wait for hours: the answer is 409."""
    answer = client.post("/v1/streams", json={"fit": fit_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "fit_not_ready")


def test_the_end_of_the_fit_wakes_a_reconciler(
    client: httpx2.Client, fit_id: str, finish_fit: Callable[[str], None], ledger: Ledger
) -> None:
    """For each batch that waited."""
    batch = create(client, fit_id)
    finish_fit(fit_id)
    assert Attention(ledger).next(1) == f"{DEFAULT_TENANT}/{batch['id']}"


def test_a_waiting_batch_is_cancelled(client: httpx2.Client, fit_id: str, ledger: Ledger) -> None:
    """A reconciler is woken, which ends it at once."""
    batch = create(client, fit_id)
    answer = client.post(f"/v1/batches/{batch['id']}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert Attention(ledger).next(1) == f"{DEFAULT_TENANT}/{batch['id']}"
