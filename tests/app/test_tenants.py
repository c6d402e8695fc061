"""Rules about tenants apply to every request, link, stream and creation. The rule is declared in this file alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, HTTPException

from app.access.quotas import Work
from app.http.links import Links
from app.main import create_app
from contracts.access.keys import Scope
from contracts.base import Artefact
from contracts.digests import sha256_of
from contracts.ids import new_id
from state import keys
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving

DATA = b"a shard"


@dataclass
class Keyed:
    """A tenant per API key, with at most `max_things` resources of one kind and `max_bytes` stored bytes.

    A product's rule adds errors to the tree. Here they would be seen by the tests of the tree.
    """

    max_things: int = 100
    max_bytes: int = 1_000_000
    blocked: set[str] = field(default_factory=set)

    def identify(self, headers: Mapping[str, str], scope: Scope) -> str:
        tenants = {"Bearer key-of-ada": "ada", "Bearer key-of-bob": "bob"}
        tenant = tenants.get(headers.get("Authorization", ""))
        if tenant is None:
            raise HTTPException(401, "Expected 'Authorization: Bearer KEY'.")
        return tenant

    def check(self, tenant: str) -> None:
        if tenant in self.blocked:
            raise HTTPException(403, f"'{tenant}' is blocked.")

    def permits(self, scope: Scope) -> bool:
        return True

    def admit(self, tenant: str, prefix: str, *, store: Store, ledger: Ledger) -> None:
        del ledger
        num_things = len(store.children(keys.noun_prefix(tenant, f"{prefix}s")))
        num_bytes = sum(info.num_bytes for info in store.list(keys.tenant_prefix(tenant)))
        if num_things >= self.max_things or num_bytes >= self.max_bytes:
            raise HTTPException(429, f"'{tenant}' has {num_things} {prefix}s of {num_bytes} bytes.")

    def admit_work(self, tenant: str, work: Work, store: Store) -> None:
        """Accept all work: the tests of this file limit creations."""


@pytest.fixture
def rule() -> Keyed:
    """The rule of the app, which a test changes while the app runs."""
    return Keyed()


@pytest.fixture
def app(settings: Settings, store: Store, ledger: Ledger, rule: Keyed) -> FastAPI:
    """An app with the rule."""
    return create_app(settings, store, tenants=rule)


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    """A client of the app. It sends ada's key."""
    with serving(app) as client:
        client.headers["Authorization"] = "Bearer key-of-ada"
        yield client


BOB = {"Authorization": "Bearer key-of-bob"}


def announce(client: httpx2.Client, **headers: str) -> httpx2.Response:
    """Announce an upload of `DATA`."""
    body: dict[str, Any] = {"num_bytes": len(DATA), "sha256": sha256_of(DATA)}
    return client.post("/v1/uploads", json=body, headers=headers)


def test_a_request_without_a_key_is_refused(client: httpx2.Client) -> None:
    """The rule decides who sends a request."""
    refused = client.get("/v1/fits", headers={"Authorization": "Bearer other"})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


def test_tenants_are_separate(client: httpx2.Client) -> None:
    """One tenant does not see what another created, and both may use the same Idempotency-Key."""
    key = {"Idempotency-Key": "same"}
    of_ada, of_bob = (announce(client, **key, **headers).json()["id"] for headers in ({}, BOB))
    assert of_ada != of_bob
    assert client.get(f"/v1/uploads/{of_ada}").status_code == HTTPStatus.OK
    assert client.get(f"/v1/uploads/{of_ada}", headers=BOB).status_code == HTTPStatus.NOT_FOUND


def test_a_blocked_tenant_is_refused_everywhere(
    client: httpx2.Client, rule: Keyed, app: FastAPI, store: Store
) -> None:
    """Also by links that were signed before, which have no key; other tenants are not affected."""
    upload_link = announce(client).json()["put"]["url"]
    file_link = link(app, client, store)
    assert client.get(file_link).content == DATA
    rule.blocked.add("ada")
    answers = [
        client.get("/v1/streams"),
        announce(client),
        client.get(file_link),
        client.put(upload_link, content=DATA),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (403, "forbidden")
    }
    assert client.get("/v1/streams", headers=BOB).status_code == HTTPStatus.OK


def test_a_tenant_has_a_limited_number_of_resources(client: httpx2.Client, rule: Keyed) -> None:
    """A creation beyond the limit stores nothing; a replay of an earlier creation is no new one."""
    rule.max_things = 1
    first = announce(client, **{"Idempotency-Key": "one"})
    refused = announce(client)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    replay = announce(client, **{"Idempotency-Key": "one"})
    assert (replay.status_code, replay.json()["id"]) == (201, first.json()["id"])
    assert announce(client, **BOB).status_code == HTTPStatus.CREATED


def test_a_tenant_has_a_limited_number_of_bytes(
    client: httpx2.Client, rule: Keyed, store: Store
) -> None:
    """Its objects count, not those of others."""
    rule.max_bytes = 1000
    store.put("tenants/ada/x", bytes(1000))
    assert announce(client).status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert announce(client, **BOB).status_code == HTTPStatus.CREATED


def test_every_operation_knows_its_tenant(app: FastAPI, client: httpx2.Client) -> None:
    """Without a key the API answers only signed links, which name their tenant, and the health of the service."""
    paths = {path: list(methods) for path, methods in app.openapi()["paths"].items()}
    prefixes = set(re.findall(r"{(\w+)_id}", " ".join(paths)))
    ids = {f"{prefix}_id": new_id(prefix) for prefix in prefixes}
    del client.headers["Authorization"]
    free = {
        path
        for path, methods in paths.items()
        for method in methods
        if client.request(method, path.format(**ids, key="x", shard=0), json={}).status_code != 401
    }
    assert free == {"/livez", "/readyz", "/v1/files/{key}", "/v1/uploads/{upload_id}/content"}


def link(app: FastAPI, client: httpx2.Client, store: Store) -> str:
    """Store an object of ada and return a signed link to it."""
    key = "tenants/ada/batches/b/shards/x.tar"
    store.put(key, DATA)
    services = app.state.services
    base_url = str(client.base_url).rstrip("/")
    links = Links(base_url, store, services.secret, services.settings.link_ttl)
    return links.file(Artefact(key=key, sha256=sha256_of(DATA), num_bytes=len(DATA))).url
