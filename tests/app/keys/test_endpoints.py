"""`/v1/keys`: an admin creates, lists, rotates and revokes the keys of its tenant."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from app.main import create_app
from contracts.access.keys import SCOPES
from contracts.base import now
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus
from state.access import key_records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.app.keys.conftest import Headers, bearer
from tests.app.streams.conftest import Render, render, write_shard  # noqa: F401 - fixtures

READ = {"name": "a reader", "scopes": ["read"]}


def issue_key(client: httpx2.Client, **changes: Any) -> dict[str, Any]:
    """Create a key over HTTP."""
    answer = client.post("/v1/keys", json=READ | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_new_key_works_at_once(client: httpx2.Client) -> None:
    """Its secret is in the first answer only. It belongs to the tenant of the admin."""
    created = issue_key(client, expires_at=(now() + timedelta(days=1)).isoformat())
    assert client.get("/v1/fits", headers=bearer(created["secret"])).status_code == 200
    shown = client.get(created["links"]["self"]).json()
    assert shown == {name: value for name, value in created.items() if name != "secret"}
    assert (shown["tenant"], shown["status"]) == (DEFAULT_TENANT, "active")
    assert created["secret"].startswith(f"{shown['prefix']}_")
    assert created["secret"] not in client.get("/v1/keys").text


def test_a_key_sees_itself_used(client: httpx2.Client, app: FastAPI) -> None:
    """`last_used_at` is stored a little later."""
    created = issue_key(client)
    client.get("/v1/fits", headers=bearer(created["secret"]))
    app.state.services.keys.store_uses()
    assert client.get(created["links"]["self"]).json()["last_used_at"] is not None


def test_keys_are_listed_page_by_page(client: httpx2.Client) -> None:
    """Newest first, each once."""
    ids = [issue_key(client)["id"] for _ in range(3)]
    first = client.get("/v1/keys?limit=2")
    rest = client.get(first.links["next"]["url"]).json()["items"]
    listed = [*first.json()["items"], *rest]
    assert [item["id"] for item in listed[:3]] == ids[::-1]
    assert len(listed) == 4


def test_a_revoked_key_is_refused(client: httpx2.Client) -> None:
    """At once on this process. Its record stays, and revoking it again changes nothing."""
    created = issue_key(client)
    for _ in range(2):
        assert client.delete(created["links"]["self"]).status_code == 204
    assert client.get("/v1/fits", headers=bearer(created["secret"])).status_code == 401
    assert client.get(created["links"]["self"]).json()["status"] == "revoked"
    assert client.post(created["links"]["rotate"]).json()["code"] == "forbidden"


def test_another_process_learns_of_changes(
    client: httpx2.Client, settings: Settings, store: Store
) -> None:
    """Its thread reads new keys and revocations. The wait ends with the answer; `REFRESH_SECONDS` limits it."""
    with serving(create_app(settings, store)) as other:
        created = issue_key(client)
        other.headers |= bearer(created["secret"])
        for status in (200, 401):
            while other.get("/v1/labelsets").status_code != status:
                pass
            client.delete(created["links"]["self"])


def test_a_rotation_keeps_the_old_secret_for_a_while(client: httpx2.Client) -> None:
    """A day without a body; with `grace_seconds` as long as that says."""
    created = issue_key(client)
    rotated = client.post(created["links"]["rotate"]).json()
    assert rotated["id"] == created["id"]
    for secret in (created["secret"], rotated["secret"]):
        assert client.get("/v1/fits", headers=bearer(secret)).status_code == 200
    last = client.post(created["links"]["rotate"], json={"grace_seconds": 0}).json()
    assert client.get("/v1/fits", headers=bearer(last["secret"])).status_code == 200
    assert client.get("/v1/fits", headers=bearer(rotated["secret"])).status_code == 401


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["owner"]}, "/scopes/0"),
        ({"name": ""}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"tenant": "bob"}, "/tenant"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
def test_an_invalid_key_is_refused(
    client: httpx2.Client, changes: dict[str, Any], pointer: str
) -> None:
    """An admin cannot choose another tenant either."""
    answer = client.post("/v1/keys", json=READ | changes)
    assert answer.status_code == 422
    assert pointer in [flaw["pointer"] for flaw in answer.json()["errors"]]


def test_an_unknown_key_is_404(client: httpx2.Client, bob: Headers) -> None:
    """As one of another tenant is."""
    own = client.get("/v1/keys").json()["items"][0]["links"]["self"]
    assert client.get(own, headers=bob).status_code == 404
    assert client.get(f"/v1/keys/{new_id('key')}").status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Basic aGs6", "hk_1", "Bearer hk_\xe9", "Bearer a b", "x" * 9_000],
)
def test_a_strange_header_is_refused(client: httpx2.Client, header: str) -> None:
    """With 401, whatever it contains."""
    answer = client.get("/v1/fits", headers=[(b"Authorization", header.encode("latin-1"))])
    assert answer.status_code == 401


def test_the_scheme_is_case_insensitive(client: httpx2.Client) -> None:
    """As RFC 9110 says."""
    secret = issue_key(client)["secret"]
    assert client.get("/v1/fits", headers={"Authorization": f"bearer  {secret}"}).status_code == 200


def test_keys_work_without_redis(settings: Settings, store: Store, labelset_id: str) -> None:
    """They are in the store and in memory, so requests that need only the store succeed."""
    _, text = key_records.create(store, DEFAULT_TENANT, name="x", scopes=SCOPES)
    away = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    with serving(create_app(away, store)) as client:
        assert client.get(f"/v1/labelsets/{labelset_id}").status_code == 401
        client.headers |= bearer(text)
        assert client.get(f"/v1/labelsets/{labelset_id}").status_code == 200
        assert client.delete(issue_key(client)["links"]["self"]).status_code == 204


def test_live_events_end_with_the_key(client: httpx2.Client, fit_id: str, ledger: Ledger) -> None:
    """A revoked key gets no further event, though its request began before."""
    ref, created = JobRef(tenant=DEFAULT_TENANT, id=fit_id), issue_key(client)
    path, headers = f"/v1/fits/{fit_id}/events/live", bearer(created["secret"])
    with client.stream("GET", path, headers=headers) as answer:
        chunks = answer.iter_bytes()
        next(chunks)
        client.delete(created["links"]["self"])
        ledger.publish_status(ref, JobStatus.CANCELLING)
        assert b"cancelling" not in b"".join(chunks)


def test_a_stream_ends_with_the_key(
    client: httpx2.Client,
    stream_id: str,
    render: Render,  # noqa: F811 - the fixture
) -> None:
    """A tar without end is not sent to the end of time: the next shard is refused."""
    for index in range(3):
        render(stream_id, index)
    created = issue_key(client)
    path, headers = f"/v1/streams/{stream_id}/tar?shards=1000", bearer(created["secret"])
    with client.stream("GET", path, headers=headers) as answer:
        chunks = answer.iter_bytes()
        next(chunks)
        client.delete(created["links"]["self"])
        with pytest.raises(httpx2.RemoteProtocolError):
            b"".join(chunks)


def test_no_log_has_a_secret(client: httpx2.Client) -> None:
    """Neither of a request with a valid key, nor of one with a wrong key."""
    with structlog.testing.capture_logs() as logs:
        created = issue_key(client)
        wrong = f"{created['prefix']}_{'0' * 63}1"
        for secret in (created["secret"], wrong):
            client.get("/v1/fits", headers=bearer(secret))
    text = json.dumps(logs, default=repr)
    assert created["secret"] not in text
    assert wrong not in text


def test_keys_cannot_be_managed_without_keys(
    served: tuple[FastAPI, httpx2.Client], ledger: Ledger
) -> None:
    """A service that uses no keys would give them to everybody."""
    answer = served[1].post("/v1/keys", json=READ)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "HANDSOFF_AUTH" in answer.json()["detail"]
