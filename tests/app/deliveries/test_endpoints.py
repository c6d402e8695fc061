"""Deliveries over HTTP."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import keys, redis_keys
from state.delivering import orders
from state.ledger import Ledger
from state.store import Store

SECRET = "X-Amz-Signature=9f86d081"
TO: dict[str, Any] = {
    "kind": "urls",
    "shards": [f"https://bucket.example.com/secret-path/{k}?{SECRET}" for k in range(3)],
    "manifest": f"https://bucket.example.com/secret-path/m?{SECRET}",
}


@pytest.fixture
def batch_id(client: httpx2.Client, finished_fit_id: str) -> str:
    """Return a batch of three shards that will be delivered."""
    body = {"fit": finished_fit_id, "n": 40, "shard_size": 16, "deliver_to": TO}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_the_addresses_are_secret(client: httpx2.Client, batch_id: str, store: Store) -> None:
    """The host is shown. Path and signature are neither in an answer nor in the request."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=batch_id)
    shown = client.get(f"/v1/batches/{batch_id}")
    assert shown.json()["deliver_to"] == {"kind": "urls", "host": "bucket.example.com"}
    assert shown.json()["delivery"]["status"] == "waiting"
    texts = [shown.text, client.get("/v1/batches").text]
    texts += [client.get(f"/v1/batches/{batch_id}/delivery").text]
    texts += [store.get(keys.job_request(ref)).decode()]
    assert not any(SECRET in text or "secret-path" in text for text in texts)
    found = orders.newest(store, ref)
    assert found is not None
    assert found.order is not None
    assert found.order.destination.url_of("x", 2) == TO["shards"][2]


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"shards": TO["shards"][:2]}, "/deliver_to/shards", "Expected 3 addresses"),
        ({"manifest": "ftp://x.example"}, "/deliver_to/manifest", "Expected an address"),
        ({"manifest": "https://a:b@x.example/m"}, "/deliver_to/manifest", "an address"),
        ({"headers": {"Host": "x"}}, "/deliver_to/headers", "begin with 'x-'"),
        ({"headers": {"x-a": "b\r\nc: d"}}, "/deliver_to/headers", "printable"),
    ],
    ids=["one too few", "scheme", "user name", "header", "line break"],
)
def test_a_wrong_destination_is_refused(
    client: httpx2.Client, finished_fit_id: str, changes: dict[str, Any], pointer: str, words: str
) -> None:
    """Before the batch is created, with the place and the expected value."""
    body = {"fit": finished_fit_id, "n": 40, "shard_size": 16, "deliver_to": TO | changes}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 422, answer.text
    flaw = answer.json()["errors"][0]
    assert flaw["pointer"].startswith(pointer)
    assert words in flaw["detail"]


@pytest.mark.parametrize("url", ["https://x.example/a", "https://x.example/?n={name}"])
def test_a_template_needs_the_name_in_its_path(
    client: httpx2.Client, finished_fit_id: str, url: str
) -> None:
    """Else every file would replace the one before."""
    to = {"kind": "template", "url": url}
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 1, "deliver_to": to})
    assert answer.status_code == 422
    assert "{name} once in the path" in answer.json()["errors"][0]["detail"]


def test_a_batch_is_delivered_later(
    client: httpx2.Client, batch_id: str, finish_batch: Callable[[str], object], ledger: Ledger
) -> None:
    """409 before its end. Afterwards to new addresses, or to those of the last delivery; the sender is woken."""
    path = f"/v1/batches/{batch_id}/deliver"
    assert client.post(path).json()["code"] == "not_rendered"
    finish_batch(batch_id)
    answer = client.post(path)
    assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
    assert ledger.redis.lpop(redis_keys.DELIVERIES) == f"{DEFAULT_TENANT}/{batch_id}"
    again = {"deliver_to": {"kind": "template", "url": "https://other.example/{name}"}}
    assert client.post(path, json=again).json()["target"]["host"] == "other.example"
    assert client.get(f"/v1/batches/{batch_id}").json()["delivery"]["target"]["kind"] == "template"


def test_a_batch_without_a_destination_needs_one(
    client: httpx2.Client, finished_fit_id: str, finish_batch: Callable[[str], object]
) -> None:
    """There is no delivery to read, and none to repeat."""
    made = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 1}).json()
    finish_batch(made["id"])
    assert made["delivery"] is None
    assert client.get(f"/v1/batches/{made['id']}/delivery").status_code == 404
    answer = client.post(f"/v1/batches/{made['id']}/deliver")
    assert answer.json()["errors"][0]["pointer"] == "/deliver_to"
    body = {"deliver_to": {**TO, "shards": TO["shards"][:1]}}
    assert client.post(f"/v1/batches/{made['id']}/deliver", json=body).status_code == 202


def test_a_validation_stores_no_address(
    client: httpx2.Client, finished_fit_id: str, store: Store
) -> None:
    """With `validate_only`, the number of addresses is checked and nothing is kept."""
    body = {"fit": finished_fit_id, "n": 40, "shard_size": 16, "deliver_to": TO}
    answer = client.post("/v1/batches", params={"validate_only": True}, json=body)
    assert answer.json()["resolved"]["deliver_to"]["host"] == "bucket.example.com"
    assert store.children(keys.noun_prefix(DEFAULT_TENANT, "batches")) == ()
