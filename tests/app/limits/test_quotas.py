"""The limits of a tenant over HTTP: 429 as a problem with `Retry-After`, and nothing is stored."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from contracts.accounts.usage import Usage
from contracts.digests import sha256_of
from contracts.ids import DEFAULT_TENANT
from state.ledger import Ledger
from state.listing.statuses import StatusIndex
from state.store import Store
from state.usage import notes, paths
from state.usage.stored import measure
from tests.app.keys.conftest import Headers
from tests.app.limits.conftest import Limit
from tests.app.uploading import as_form, pairs

DATA = b"0123456789"


def announce(client: httpx2.Client, num_bytes: int, **headers: str) -> httpx2.Response:
    """Announce an upload."""
    body = {"num_bytes": num_bytes, "sha256": sha256_of(DATA)}
    return client.post("/v1/uploads", json=body, headers=headers)


def refused(answer: httpx2.Response, quota: str) -> bool:
    """Return whether an answer is the refusal of a quota."""
    assert answer.status_code == 429, answer.text
    assert answer.json()["code"] == "quota_exceeded"
    assert int(answer.headers["Retry-After"]) > 0
    return quota in answer.json()["detail"]


def test_no_limit_is_set_at_first(client: httpx2.Client) -> None:
    """Then answers have no header about a limit."""
    assert "RateLimit" not in client.get("/v1/fits").headers


def test_requests_in_a_minute_are_limited(
    client: httpx2.Client, limit: Limit, app: FastAPI, bob: Headers
) -> None:
    """Each request counts once, also a POST. Every answer says the rest. Other tenants are not affected."""
    app.state.services.rates.clock = lambda: 600.0
    limit(requests_per_minute=3)
    assert client.get("/v1/fits").headers["RateLimit"] == '"requests";r=2;t=60'
    assert client.post("/v1/batches", json={}).headers["RateLimit"] == '"requests";r=1;t=60'
    last = client.get("/v1/fits")
    assert (last.status_code, last.headers["RateLimit"]) == (200, '"requests";r=0;t=60')
    for answer in (client.get("/v1/fits"), client.post("/v1/batches", json={})):
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
        assert answer.headers["Retry-After"] == "60"
        assert answer.headers["RateLimit"] == '"requests";r=0;t=60'
        assert answer.headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    assert client.get("/v1/fits", headers=bob).status_code == 200
    assert client.get("/livez").status_code == 200


def test_pairs_of_a_day_are_limited(
    client: httpx2.Client, limit: Limit, finished_fit_id: str, ledger: Ledger
) -> None:
    """By accepted batches. A lost Redis changes nothing, and a replay is not refused."""
    limit(pairs_per_day=100)
    body, key = {"fit": finished_fit_id, "n": 60}, {"Idempotency-Key": "first"}
    first = client.post("/v1/batches", json=body, headers=key)
    assert first.status_code == 202
    ledger.redis.flushall()
    assert refused(client.post("/v1/batches", json=body), "pairs_per_day")
    assert client.post("/v1/batches", json=body, headers=key).json()["id"] == first.json()["id"]
    assert client.post("/v1/batches", json=body | {"n": 40}).status_code == 202
    assert len(client.get("/v1/batches").json()["items"]) == 2


def test_a_stream_renders_no_further_pairs(
    client: httpx2.Client, limit: Limit, stream_id: str, store: Store
) -> None:
    """Once the day's pairs are used up, a shard that is not rendered is refused."""
    limit(pairs_per_day=100)
    path = f"/v1/streams/{stream_id}/shards/0/record?wait=0"
    assert client.get(path).json()["code"] == "shard_not_ready"
    notes.note(store, DEFAULT_TENANT, Usage(requested_pairs=99))
    assert refused(client.get(path), "pairs_per_day")


def test_uploads_of_a_day_are_limited(client: httpx2.Client, limit: Limit) -> None:
    """Announced ones, and forms by their real size."""
    limit(upload_bytes_per_day=1_000)
    assert announce(client, 600).status_code == 201
    assert refused(announce(client, 600), "upload_bytes_per_day")
    form = client.build_request("POST", "/v1/labelsets", files={"unknown": ("x", DATA)})
    num_bytes = int(form.headers["Content-Length"])
    limit(upload_bytes_per_day=599 + num_bytes)
    assert refused(client.send(form), "upload_bytes_per_day")
    limit(upload_bytes_per_day=600 + num_bytes)
    assert client.send(form).status_code == 422
    while client.get("/v1/usage").json()["items"][0]["uploaded_bytes"] < 600 + num_bytes:
        pass  # they are counted just after the answer
    assert refused(announce(client, 1), "upload_bytes_per_day")


def test_waiting_jobs_are_limited(
    client: httpx2.Client, limit: Limit, finished_fit_id: str, app: FastAPI, ledger: Ledger
) -> None:
    """All kinds together. While the lists of a lost Redis are rebuilt, their number is unknown: 503."""
    limit(queued_jobs=1)
    body = {"fit": finished_fit_id, "n": 1}
    unknown = client.post("/v1/batches", json=body)
    assert (unknown.status_code, unknown.json()["code"]) == (503, "unavailable")
    ledger.try_lock("lists", "a reconciler", timedelta(minutes=1))
    for kind in app.state.services.kinds:
        index = StatusIndex(ledger.redis, DEFAULT_TENANT, kind.noun)
        index.complete("lists", "a reconciler")
    assert client.post("/v1/batches", json=body).status_code == 202
    assert refused(client.post("/v1/batches", json=body), "queued_jobs")
    assert announce(client, 1).status_code == 201


def test_stored_bytes_are_limited(
    client: httpx2.Client, limit: Limit, store: Store, finished_fit_id: str
) -> None:
    """As last measured, with what a request is expected to add."""
    limit(stored_bytes=1_000_000)
    assert announce(client, 10).status_code == 201
    assert refused(announce(client, 1_000_001), "stored_bytes")
    store.put("tenants/default/x", bytes(999_000))
    measure(store, DEFAULT_TENANT)
    assert refused(announce(client, 10_000), "stored_bytes")
    assert refused(client.post("/v1/batches", json={"fit": finished_fit_id, "n": 9}), "stored")


def test_a_fit_of_files_has_the_limits_of_uploads(client: httpx2.Client, limit: Limit) -> None:
    """A refused one stores neither the labelset nor the fit."""
    form: dict[str, Any] = {"data": {"fit": '{"generator": "tiny-32"}'}, "files": as_form(pairs(1))}
    for quota in ("upload_bytes_per_day", "stored_bytes"):
        limit(**{quota: 100})
        assert refused(client.post("/v1/fits", **form), quota)
    for noun in ("labelsets", "fits"):
        assert client.get(f"/v1/{noun}").json()["items"] == []


@pytest.mark.usefixtures("ledger")
def test_refused_work_is_no_usage(
    client: httpx2.Client, limit: Limit, finished_fit_id: str, store: Store
) -> None:
    """Nor is a request that is not valid."""
    limit(pairs_per_day=10)
    client.post("/v1/batches", json={"fit": finished_fit_id, "n": 11})
    client.post("/v1/batches", json={"fit": finished_fit_id, "n": 0})
    assert list(store.list(paths.prefix(DEFAULT_TENANT))) == []
