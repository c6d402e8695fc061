"""Tokens of an identity provider beside API keys: the same tenants, scopes, limits and logs."""

import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from app.access.identity.loading import tokens_of
from app.main import create_app
from contracts.access.tenants import TenantLimits
from contracts.base import now
from contracts.jobs import JobRef, JobStatus
from state.access import erasure, tenant_records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.access.identity.issuer import AUDIENCE, Issuer, issuing
from tests.app.conftest import serving
from tests.app.keys.conftest import Issue, bearer
from tests.app.ui.conftest import hidden

UPLOAD = {"num_bytes": 5, "sha256": "0" * 64}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Return a running identity provider."""
    with issuing() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, issuer: Issuer) -> Settings:
    """Return settings with this provider, and no leeway."""
    own = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_leeway": timedelta(0)}
    return settings.model_copy(update=own)


@pytest.fixture
def client(client: httpx2.Client, issuer: Issuer) -> httpx2.Client:
    """Return the client of an app that has read the provider's keys. On a busy machine it starts before."""
    token, deadline = bearer(issuer.sign()), time.monotonic() + 60
    while client.get("/v1/fits", headers=token).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return client


def test_a_token_opens_its_tenant(client: httpx2.Client, issuer: Issuer) -> None:
    """Its resources are those of the tenant's keys, and of no other tenant. Keys work as before."""
    lab, other = bearer(issuer.sign()), bearer(issuer.sign(tenant="other"))
    made = client.post("/v1/uploads", json=UPLOAD, headers=lab)
    assert made.status_code == 201
    path = made.json()["links"]["self"]
    answers = [client.delete(path, headers=each).status_code for each in ({}, other, lab)]
    assert answers == [404, 404, 204]


def test_scopes_of_a_token_are_needed(client: httpx2.Client, issuer: Issuer) -> None:
    """403 names the missing one. `operator` is never granted."""
    reader = bearer(issuer.sign(scope="read operator"))
    assert client.get("/v1/fits", headers=reader).status_code == 200
    for path, scope in (
        ("/v1/uploads", "write"),
        ("/v1/keys", "admin"),
        ("/v1/tenants", "operator"),
    ):
        answer = client.request(
            "POST" if scope == "write" else "GET", path, headers=reader, json={}
        )
        assert (answer.status_code, f"'{scope}'" in answer.json()["detail"]) == (403, True)
        assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]
    answer = client.get("/v1/fits", headers=bearer(issuer.sign(scope=None)))
    assert (answer.status_code, "(none)" in answer.json()["detail"]) == (403, True)


def test_a_wrong_token_is_401(client: httpx2.Client, issuer: Issuer) -> None:
    """With the challenge of RFC 6750. Without a token the message names the issuer."""
    answer = client.get("/v1/fits", headers=bearer(issuer.sign(aud="another")))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    client.headers.pop("Authorization")
    assert issuer.url in client.get("/v1/fits").json()["detail"]


def test_requests_do_not_ask_the_provider(client: httpx2.Client, issuer: Issuer) -> None:
    """Its keys were read at the start, so it may be away."""
    before, issuer.is_away = issuer.num_requests, True
    answers = [client.get("/v1/fits", headers=bearer(issuer.sign())) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert issuer.num_requests == before


def test_the_service_starts_without_the_provider(
    settings: Settings, store: Store, issuer: Issuer, issue: Issue
) -> None:
    """Tokens get 503 with Retry-After, and keys work."""
    issuer.is_away, key = True, issue()
    with serving(create_app(settings, store)) as client:
        answer = client.get("/v1/fits", headers=bearer(issuer.sign()))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert client.get("/v1/fits", headers=key).status_code == 200


def test_an_erased_tenant_stays_erased(
    client: httpx2.Client, app: FastAPI, store: Store, issuer: Issuer
) -> None:
    """A valid token does not bring it back."""
    lab = bearer(issuer.sign())
    assert client.get("/v1/fits", headers=lab).status_code == 200
    erasure.erase(store, "lab")
    app.state.services.keys.refresh()
    answer = client.get("/v1/fits", headers=lab)
    assert (answer.status_code, "is erased" in answer.json()["detail"]) == (401, True)


def test_limits_of_the_tenant_hold(
    client: httpx2.Client, app: FastAPI, store: Store, issuer: Issuer
) -> None:
    """Keys and tokens of a tenant share them."""
    tenant_records.set_limits(store, "lab", TenantLimits(requests_per_minute=1))
    app.state.services.keys.refresh()
    answers = [client.get("/v1/fits", headers=bearer(issuer.sign())) for _ in range(3)]
    assert answers[-1].status_code == 429


def test_changes_are_noted_with_the_subject(client: httpx2.Client, issuer: Issuer) -> None:
    """The audit log has `oidc:` and the subject in the place of a key, and no record of a use is stored."""
    lab = bearer(issuer.sign(scope="read write admin"))
    client.post("/v1/uploads", json=UPLOAD, headers=lab)
    entry = client.get("/v1/audit", headers=lab).json()["items"][-1]
    assert (entry["tenant"], entry["key"], entry["operation"]) == (
        "lab",
        "oidc:ada",
        "create_upload",
    )


def test_no_use_of_a_token_is_stored(
    client: httpx2.Client, app: FastAPI, store: Store, issuer: Issuer
) -> None:
    """Uses belong to keys."""
    client.get("/v1/fits", headers=bearer(issuer.sign()))
    app.state.services.keys.store_uses()
    assert not [info.key for info in store.list("access") if "oidc" in info.key]


def test_live_events_end_with_the_token(
    client: httpx2.Client, app: FastAPI, issuer: Issuer, fit_id: str, ledger: Ledger
) -> None:
    """An expired token gets no further event, though its request began before."""
    ends_at = int(now().timestamp()) + 2
    headers = bearer(issuer.sign(exp=ends_at, tenant="default"))
    with client.stream("GET", f"/v1/fits/{fit_id}/events/live", headers=headers) as answer:
        chunks = answer.iter_bytes()
        next(chunks)
        time.sleep(max(0, ends_at - now().timestamp()) + 0.01)
        ledger.publish_status(JobRef(tenant="default", id=fit_id), JobStatus.CANCELLING)
        assert b"cancelling" not in b"".join(chunks)


def test_no_log_has_a_token(client: httpx2.Client, issuer: Issuer) -> None:
    """Neither a valid one nor a wrong one."""
    texts = [issuer.sign(), issuer.sign(aud="another"), issuer.sign(kid="unknown")]
    with structlog.testing.capture_logs() as logs:
        for text in texts:
            client.post("/v1/uploads", json=UPLOAD, headers=bearer(text))
    written = json.dumps(logs, default=repr)
    assert not [part for text in texts for part in text.split(".") if part in written]


def test_the_page_takes_keys_only(client: httpx2.Client, issuer: Issuer) -> None:
    """A token is not kept in a cookie."""
    form = hidden(client.get("/ui/sign-in").text)
    answer = client.post("/ui/sign-in", data={**form, "key": issuer.sign()})
    assert (answer.status_code, "takes no tokens" in answer.text) == (422, True)
    assert "handsoff_key" not in answer.cookies


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"oidc_audience": None}, "got HANDSOFF_OIDC_ISSUER alone"),
        ({"oidc_issuer": None}, "got HANDSOFF_OIDC_AUDIENCE alone"),
        ({"auth": "none"}, "Expected HANDSOFF_AUTH=keys"),
        ({"oidc_issuer": "http://id.example.com"}, "Expected an https address"),
        ({"oidc_issuer": "https://id.example.com/?x=1"}, "Expected an https address"),
        ({"oidc_issuer": "https://a@id.example.com"}, "Expected an https address"),
        ({"oidc_issuer": "id.example.com"}, "Expected an https address"),
    ],
    ids=["no-audience", "no-issuer", "no-keys", "http", "query", "user", "no-scheme"],
)
def test_settings_that_do_not_fit_are_refused(
    settings: Settings, changes: dict[str, str | None], expected: str
) -> None:
    """When the app starts, with what to change."""
    with pytest.raises(SystemExit, match=expected):
        tokens_of(settings.model_copy(update=changes))


def test_missing_packages_are_reported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the app starts. Without the settings they are not imported."""
    monkeypatch.delitem(sys.modules, "app.access.identity.tokens", raising=False)
    monkeypatch.setitem(sys.modules, "jwt", None)
    without = settings.model_copy(update={"oidc_issuer": None, "oidc_audience": None})
    assert tokens_of(without) is None
    with pytest.raises(SystemExit, match="jwt is missing"):
        tokens_of(settings)
