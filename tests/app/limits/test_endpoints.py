"""`/v1/tenants`: an operator lists tenants and sets their limits."""

import httpx2
import pytest
from fastapi import FastAPI

from contracts.access.keys import ALL_SCOPES, SCOPES
from state import redis_keys
from state.ledger import Ledger
from state.store import Store
from tests.app.keys.conftest import Headers, Issue


@pytest.fixture
def operator(client: httpx2.Client, issue: Issue) -> Headers:
    """Return a key of the operator."""
    return issue("operations", scopes=("operator",))


def test_limits_hold_at_once(
    client: httpx2.Client, operator: Headers, issue: Issue, ledger: Ledger
) -> None:
    """A change replaces all limits. The admission knows the weight."""
    path, ada = "/v1/tenants/ada/limits", issue("ada")
    answer = client.put(path, json={"requests_per_minute": 1, "weight": 2}, headers=operator)
    assert answer.status_code == 200, answer.text
    assert answer.json()["num_keys"] == 1
    assert answer.json()["limits"]["weight"] == 2
    assert ledger.redis.hgetall(redis_keys.TENANT_PARTS) == {"ada": "2.0 - -"}
    assert [client.get("/v1/fits", headers=ada).status_code for _ in range(2)] == [200, 429]
    client.put(path, json={}, headers=operator)
    assert client.get("/v1/fits", headers=ada).status_code == 200


def test_tenants_are_listed_page_by_page(
    client: httpx2.Client, operator: Headers, issue: Issue, store: Store
) -> None:
    """Those with a key, with limits, and with data only."""
    issue("ada")
    client.put("/v1/tenants/bob/limits", json={"queued_jobs": 5}, headers=operator)
    store.put("tenants/cleo/x", b"")
    found, path = [], "/v1/tenants?limit=2"
    while path:
        page = client.get(path, headers=operator)
        found += page.json()["items"]
        path = page.links.get("next", {}).get("url", "")
    assert [one["id"] for one in found] == ["operations", "default", "cleo", "bob", "ada"]
    assert client.get(found[3]["links"]["self"], headers=operator).json() == found[3]
    assert found[3]["limits"]["queued_jobs"] == 5


def test_an_unknown_tenant_is_404(client: httpx2.Client, operator: Headers) -> None:
    """It has no key, no limits and no data."""
    answer = client.get("/v1/tenants/unknown", headers=operator)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "limits", [{"weight": 0}, {"queued_jobs": -1}, {"pairs": 5}, {"requests_per_minute": 0}]
)
def test_an_invalid_limit_is_refused(
    client: httpx2.Client, operator: Headers, limits: dict[str, int]
) -> None:
    """With its name."""
    answer = client.put("/v1/tenants/ada/limits", json=limits, headers=operator)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [f"/{name}" for name in limits]


def test_an_admin_is_no_operator(client: httpx2.Client, issue: Issue, app: FastAPI) -> None:
    """It can neither set limits nor get a secret that can: by a new key, or by rotating an operator's key."""
    operator = issue(scopes=ALL_SCOPES)
    body = {"name": "x", "scopes": ["operator"]}
    issued = client.post("/v1/keys", json=body, headers=operator)
    assert issued.status_code == 201
    for method, path, content in (
        ("PUT", "/v1/tenants/default/limits", {}),
        ("POST", "/v1/keys", body),
        ("POST", issued.json()["links"]["rotate"], {}),
    ):
        answer = client.request(method, path, json=content)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert "operator" not in SCOPES


def test_a_tenant_is_erased(
    client: httpx2.Client, operator: Headers, issue: Issue, store: Store, ledger: Ledger
) -> None:
    """Its keys end, and neither store nor Redis has anything of it. The default tenant cannot be erased."""
    ada = issue("ada")
    client.put("/v1/tenants/ada/limits", json={"weight": 2}, headers=operator)
    client.post("/v1/uploads", json={"num_bytes": 5, "sha256": "0" * 64}, headers=ada)
    client.get("/v1/fits", headers=ada)
    assert client.delete("/v1/tenants/ada", headers=operator).status_code == 204
    assert client.get("/v1/fits", headers=ada).status_code == 401
    assert list(store.list("tenants/ada")) == []
    assert [key for key in ledger.redis.keys("*") if "ada" in key] == []
    refused = client.delete("/v1/tenants/default", headers=operator)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert client.delete("/v1/tenants/unknown", headers=operator).status_code == 404
