"""Promises of `Idempotency-Key`."""

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
    """A sound fit."""
    return {"generator": "tiny-32", "labelset": labelset_id}


def test_a_replay_gives_the_original_answer(
    client: httpx2.Client, body: dict[str, object], queued: Callable[[str], list[str]]
) -> None:
    """The same key and body make one job, queued once; the second answer is the first, and says so."""
    first, second = (client.post("/v1/fits", json=body, headers=KEY) for _ in range(2))
    assert (second.status_code, second.json()) == (202, first.json())
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(queued("fit")) == 1


def test_a_replay_survives_the_loss_of_redis(
    client: httpx2.Client, body: dict[str, object], ledger: Ledger
) -> None:
    """The key is remembered in the store."""
    first = client.post("/v1/fits", json=body, headers=KEY).json()
    ledger.redis.flushall()
    assert client.post("/v1/fits", json=body, headers=KEY).json() == first


def test_another_body_is_refused(client: httpx2.Client, body: dict[str, object]) -> None:
    """A key belongs to one request."""
    client.post("/v1/fits", json=body, headers=KEY)
    answer = client.post("/v1/fits", json=body | {"seed": 1}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


def test_another_noun_is_refused(client: httpx2.Client, body: dict[str, object]) -> None:
    """A key that made a fit makes no labelset."""
    client.post("/v1/fits", json=body, headers=KEY)
    answer = client.post("/v1/labelsets", files=as_form(pairs(1)), headers=KEY)
    assert answer.json()["code"] == "idempotency_mismatch"


def test_two_at_once_are_kept_apart(
    client: httpx2.Client, body: dict[str, object], ledger: Ledger
) -> None:
    """While a request with the key is served, another one is told to come back."""
    name = f"idempotency:{DEFAULT_TENANT}:{sha256_of(b'order-66')}"
    ledger.try_lock(name, "somebody else", timedelta(seconds=30))
    answer = client.post("/v1/fits", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "request_in_progress")
    assert answer.headers["Retry-After"] == "1"


def test_a_refused_request_may_be_corrected(client: httpx2.Client, body: dict[str, object]) -> None:
    """A request that made nothing does not use its key up."""
    client.post("/v1/fits", json=body | {"generator": "nope"}, headers=KEY)
    assert client.post("/v1/fits", json=body, headers=KEY).status_code == 202


def test_a_crash_after_the_reservation_is_mended(
    client: httpx2.Client, body: dict[str, object], store: Store
) -> None:
    """An id that was reserved but never used is the one that the repeated request gets."""
    reserved = Reservation(id=new_id("fit"), created_at=now())
    records.write(store, keys.idempotency(DEFAULT_TENANT, "order-66"), reserved)
    assert client.post("/v1/fits", json=body, headers=KEY).json()["id"] == reserved.id


def test_a_key_is_forgotten_after_a_day(
    client: httpx2.Client, body: dict[str, object], store: Store
) -> None:
    """A key from the day before yesterday makes a new job."""
    first = client.post("/v1/fits", json=body, headers=KEY).json()
    old = Reservation(id=first["id"], created_at=now() - timedelta(hours=25))
    records.write(store, keys.idempotency(DEFAULT_TENANT, "order-66"), old)
    assert client.post("/v1/fits", json=body, headers=KEY).json()["id"] != first["id"]


def test_an_upload_is_replayed(client: httpx2.Client) -> None:
    """The same files with the same key are one labelset."""
    files = as_form(pairs(1))
    first, second = (client.post("/v1/labelsets", files=files, headers=KEY) for _ in range(2))
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_replay_of_what_was_deleted_is_gone(client: httpx2.Client) -> None:
    """A key never brings back what its owner has erased."""
    files = as_form(pairs(1))
    made = client.post("/v1/labelsets", files=files, headers=KEY).json()
    client.delete(f"/v1/labelsets/{made['id']}")
    assert client.post("/v1/labelsets", files=files, headers=KEY).status_code == 410
