"""Every operation of the OpenAPI document needs a valid key with its scope, and hides other tenants' resources."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from contracts.access.keys import ALL_SCOPES
from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.generators.generator import GeneratorRequest, StoredGenerator
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from state import keys, records
from state.access import key_records
from state.store import Store
from tests.app.keys.conftest import Headers, Issue, bearer
from tests.app.keys.walking import KEYED, names_one, walk
from tests.app.uploading import png, zipped

Ids = dict[str, str]
DATA = b"a checkpoint"


def post(client: httpx2.Client, path: str, **content: Any) -> str:
    """Create a resource. Returns its id."""
    answer = client.post(path, **content)
    assert answer.status_code in {201, 202}, answer.text
    return str(answer.json()["id"])


def uploaded_generator(store: Store, generator: StoredGenerator) -> str:
    """Store the request of an import, as an upload does. Returns the generator's id."""
    own = generator.model_dump(include={"tenant", "created_at", "name", "license", "source"})
    original = Artefact(key="x", sha256=sha256_of(b"x"), num_bytes=1)
    request = GeneratorRequest(original=original, id=new_id("generator"), **own)
    records.write(store, keys.job_request(request.ref), request)
    return request.id


def webhook_and_message(client: httpx2.Client) -> Ids:
    """Create an address of webhooks and a message to it. Returns their ids."""
    webhook = post(client, "/v1/webhooks", json={"url": "https://example.com/hook"})
    sent = client.post(f"/v1/webhooks/{webhook}/test").json()
    return {"webhook_id": webhook, "message_id": sent["id"]}


@pytest.fixture
def ids(
    *,
    client: httpx2.Client,
    store: Store,
    generator: StoredGenerator,
    labelset_id: str,
    finished_fit_id: str,
    stream_id: str,
    evaluation: JobRef,
    finish_batch: Callable[[str], object],
) -> Ids:
    """Create one resource of each kind with the client's key. Returns their ids by parameter."""
    to = {"kind": "template", "url": "https://example.com/{name}"}
    batch = post(client, "/v1/batches", json={"fit": finished_fit_id, "n": 2, "deliver_to": to})
    finish_batch(batch)
    archive = {"archive": ("photos.zip", zipped({"a.png": png("RGB", (8, 8))}))}
    announced = {"num_bytes": len(DATA), "sha256": sha256_of(DATA)}
    key = {"name": "another", "scopes": ["read"]}
    return {
        "upload_id": post(client, "/v1/uploads", json=announced),
        "generator_id": uploaded_generator(store, generator),
        "inverter_id": post(client, "/v1/generators/tiny-32/inverters", json={}),
        "labelset_id": labelset_id,
        "fit_id": finished_fit_id,
        "batch_id": batch,
        "labeling_id": post(client, "/v1/labelings", data={"fit": finished_fit_id}, files=archive),
        "evaluation_id": evaluation.id,
        "stream_id": stream_id,
        "key_id": post(client, "/v1/keys", json=key),
        **webhook_and_message(client),
    }


def test_resources_of_another_tenant_do_not_exist(
    client: httpx2.Client, ids: Ids, bob: Headers
) -> None:
    """Every operation on an id answers 404 to another tenant, changes nothing, and finds it for its owner."""
    refused = dict(walk(client, bob, ids, where=names_one))
    assert {name: one.status_code for name, one in refused.items() if one.status_code != 404} == {}
    assert {one.json()["code"] for one in refused.values()} == {"not_found"}

    def is_short_read(path: str, method: str) -> bool:
        return names_one(path, method) and method == "get" and not path.endswith(("/live", "/tar"))

    found = walk(client, {}, ids, where=is_short_read)
    assert [name for name, one in found if one.status_code in {401, 403, 404, 410}] == []


def test_a_key_is_needed(client: httpx2.Client) -> None:
    """Without one every operation answers 401 and names the scheme."""
    client.headers.pop("Authorization")
    for name, answer in walk(client, {}):
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), name
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="handsoff"'


@pytest.mark.parametrize("path", ["fits", "keys", "uploads", "generators/tiny-32/inverters"])
def test_a_body_is_not_read_without_a_key(client: httpx2.Client, path: str) -> None:
    """A body that cannot be parsed is 401 too, and 400 or 422 only with a key."""
    client.headers["Content-Type"] = "application/json"
    assert client.post(f"/v1/{path}", content=b"{").status_code == 422
    client.headers.pop("Authorization")
    assert client.post(f"/v1/{path}", content=b"{").status_code == 401


def revoked(issue: Issue, app: FastAPI, store: Store) -> Headers:
    """Return a key that is revoked."""
    stored, text = key_records.create(store, DEFAULT_TENANT, name="x", scopes=("read",))
    key_records.revoke(store, stored.key.id)
    app.state.services.keys.refresh()
    return bearer(text)


def replaced(issue: Issue, app: FastAPI, store: Store) -> Headers:
    """Return the old secret of a rotated key without a grace time."""
    stored, text = key_records.create(store, DEFAULT_TENANT, name="x", scopes=("read",))
    key_records.rotate(store, stored, timedelta(0))
    app.state.services.keys.refresh()
    return bearer(text)


def expired(issue: Issue, app: FastAPI, store: Store) -> Headers:
    """Return a key that has expired."""
    return issue(expires_at=now() - timedelta(milliseconds=1))


def unknown(issue: Issue, app: FastAPI, store: Store) -> Headers:
    """Return a key that was never issued."""
    return bearer(f"hk_{'0' * 12}_{'0' * 64}")


@pytest.mark.parametrize("ended", [expired, revoked, replaced, unknown])
def test_a_key_that_ended_is_refused(
    client: httpx2.Client,
    issue: Issue,
    app: FastAPI,
    store: Store,
    ended: Callable[[Issue, FastAPI, Store], Headers],
) -> None:
    """Every operation answers 401, without the secret."""
    headers = ended(issue, app, store)
    for name, answer in walk(client, headers):
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), name
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert headers["Authorization"][-64:] not in answer.text


@pytest.mark.parametrize("scope", ALL_SCOPES)
def test_a_scope_is_needed(client: httpx2.Client, issue: Issue, scope: str) -> None:
    """A key with one scope is refused by all operations that need another."""
    headers = issue(scopes=(scope,))

    def needed(path: str, method: str) -> str:
        if path.startswith("/v1/tenants"):
            return "operator"
        return (
            "admin"
            if path.startswith(("/v1/keys", "/v1/audit"))
            else {"get": "read"}.get(method, "write")
        )

    refused = list(walk(client, headers, where=lambda *one: needed(*one) != scope))
    for name, answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), name
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 0 < len(refused) < len(KEYED)
    permitted = walk(client, headers, where=lambda *one: needed(*one) == scope)
    assert [name for name, answer in permitted if answer.status_code in {401, 403}] == []


def test_what_needs_no_key(client: httpx2.Client) -> None:
    """Health and the documentation answer without one; the figures need one."""
    client.headers.pop("Authorization")
    open_paths = ("/livez", "/docs", "/docs/swagger-ui.css", "/openapi.json")
    assert {client.get(path).status_code for path in open_paths} == {200}
    assert client.get("/readyz").json()["redis"] is True
    assert client.get("/metrics").status_code == 401
