"""Tests of `Idempotency-Key`."""

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest

from app.http.idempotency import Reservation
from contracts.base import now
from contracts.digests import sha256_of
from contracts.ids import DEFAULT_TENANT, new_id
from state import keys, records
from state.ledger import Ledger
from state.store import Store
from tests.app.uploading import as_form, pairs

KEY = {"Idempotency-Key": "order-66"}


@pytest.fixture
def body(labelset_id: str) -> dict[str, object]:
    """The body of a valid fit request."""
    return {"generator": "tiny-32", "labelset": labelset_id}


def test_a_replay_returns_the_original_response(
    client: httpx2.Client, body: dict[str, object], queued: Callable[[str], list[str]]
) -> None:
    """The same key and body create one job, queued once; the second response is marked as a replay."""
    first, second = (client.post("/v1/fits", json=body, headers=KEY) for _ in range(2))
    assert (second.status_code, second.json()) == (202, first.json())
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(queued("fit")) == 1


def test_a_replay_survives_the_loss_of_redis(
    client: httpx2.Client, body: dict[str, object], ledger: Ledger
) -> None:
    """The key is kept in the store."""
    first = client.post("/v1/fits", json=body, headers=KEY).json()
    ledger.redis.flushall()
    assert client.post("/v1/fits", json=body, headers=KEY).json() == first


def test_another_body_is_refused(client: httpx2.Client, body: dict[str, object]) -> None:
    """A key cannot be used for two different bodies."""
    client.post("/v1/fits", json=body, headers=KEY)
    answer = client.post("/v1/fits", json=body | {"seed": 1}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


def test_another_noun_is_refused(client: httpx2.Client, body: dict[str, object]) -> None:
    """A key that created a fit cannot create a labelset."""
    client.post("/v1/fits", json=body, headers=KEY)
    answer = client.post("/v1/labelsets", files=as_form(pairs(1)), headers=KEY)
    assert answer.json()["code"] == "idempotency_mismatch"


def test_concurrent_requests_with_one_key_conflict(
    client: httpx2.Client, body: dict[str, object], ledger: Ledger
) -> None:
    """While a request with the key is processed, another one gets 409 with `Retry-After`."""
    name = f"idempotency:{DEFAULT_TENANT}:{sha256_of(b'order-66')}"
    ledger.try_lock(name, "another request", timedelta(seconds=30))
    answer = client.post("/v1/fits", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "request_in_progress")
    assert answer.headers["Retry-After"] == "1"


def test_a_refused_request_can_be_corrected(client: httpx2.Client, body: dict[str, object]) -> None:
    """A request that created nothing does not consume its key."""
    client.post("/v1/fits", json=body | {"generator": "nope"}, headers=KEY)
    assert client.post("/v1/fits", json=body, headers=KEY).status_code == 202


def test_a_crash_after_the_reservation_is_recovered(
    client: httpx2.Client, body: dict[str, object], store: Store
) -> None:
    """The repeated request gets the id that was reserved but not used."""
    reserved = Reservation(id=new_id("fit"), created_at=now())
    records.write(store, keys.idempotency(DEFAULT_TENANT, "order-66"), reserved)
    assert client.post("/v1/fits", json=body, headers=KEY).json()["id"] == reserved.id


def test_a_key_expires_after_a_day(
    client: httpx2.Client, body: dict[str, object], store: Store
) -> None:
    """A key older than 24 hours creates a new job."""
    first = client.post("/v1/fits", json=body, headers=KEY).json()
    old = Reservation(id=first["id"], created_at=now() - timedelta(hours=25))
    records.write(store, keys.idempotency(DEFAULT_TENANT, "order-66"), old)
    assert client.post("/v1/fits", json=body, headers=KEY).json()["id"] != first["id"]


def test_an_upload_is_replayed(client: httpx2.Client) -> None:
    """The same files with the same key create one labelset."""
    files = as_form(pairs(1))
    first, second = (client.post("/v1/labelsets", files=files, headers=KEY) for _ in range(2))
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_replay_of_a_deleted_resource_is_gone(client: httpx2.Client) -> None:
    """A replay does not restore a deleted labelset."""
    files = as_form(pairs(1))
    labelset = client.post("/v1/labelsets", files=files, headers=KEY).json()
    client.delete(f"/v1/labelsets/{labelset['id']}")
    assert client.post("/v1/labelsets", files=files, headers=KEY).status_code == 410
