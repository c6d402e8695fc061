"""The audit log: who did what, when and from where, in the store by day."""

from datetime import timedelta
from pathlib import Path
from typing import IO

import httpx2
import pytest
from fastapi import FastAPI

from app.access.audit_log import AuditLog
from contracts.access.audit import AuditEntry
from contracts.base import now
from contracts.errors.tree import StoreUnavailable
from contracts.ids import DEFAULT_TENANT
from state.audit import entries
from state.store import Store
from tests.app.keys.conftest import Headers, Issue, app, bob, client, issue, settings

__all__ = ["app", "bob", "client", "issue", "settings"]

UPLOAD = {"num_bytes": 5, "sha256": "0" * 64}
TODAY = now().date().isoformat()


def entry(number: int, tenant: str = "ada") -> AuditEntry:
    """Return an entry."""
    return AuditEntry(
        at=now(), tenant=tenant, key="key", operation=f"op{number}", status=200, request_id="r"
    )


def test_changes_are_noted(client: httpx2.Client, store: Store) -> None:
    """With key, operation, id, address and request. Reading resources is not noted, reading keys is."""
    created = client.post("/v1/uploads", json=UPLOAD, headers={"X-Request-Id": "mine"})
    client.get("/v1/fits")
    client.delete(created.json()["links"]["self"])
    key = client.get("/v1/keys").json()["items"][0]["id"]
    listed, removed, made = client.get("/v1/audit").json()["items"]
    assert (listed["operation"], removed["operation"]) == ("list_keys", "delete_upload")
    assert made.pop("at") <= now().isoformat()
    assert made == {
        "tenant": DEFAULT_TENANT,
        "key": key,
        "operation": "create_upload",
        "resource": created.json()["id"],
        "status": 201,
        "address": "127.0.0.1",
        "request_id": "mine",
    }
    assert removed["resource"] == created.json()["id"]
    assert len(store.children(f"{entries.AUDIT}/{DEFAULT_TENANT}")) == 1


def test_refused_requests_are_noted(client: httpx2.Client, issue: Issue) -> None:
    """A key without the scope tried to change something. A request without a valid key has no tenant."""
    client.post("/v1/uploads", json=UPLOAD, headers=issue(scopes=("read",)))
    client.post("/v1/uploads", json=UPLOAD, headers={"Authorization": "Bearer x"})
    assert [one["status"] for one in client.get("/v1/audit").json()["items"]] == [403]


def test_entries_are_listed_page_by_page(client: httpx2.Client, store: Store) -> None:
    """Newest first, each once, over days and objects; `day` selects one."""
    old = [
        entry(number, DEFAULT_TENANT).model_copy(update={"at": now() - timedelta(days=days)})
        for number, days in enumerate((9, 9, 2))
    ]
    entries.append(store, old[:2])
    entries.append(store, old[2:])
    found, path = [], f"/v1/audit?limit=2&day={old[0].at.date()}"
    assert [one["operation"] for one in client.get(path).json()["items"]] == ["op1", "op0"]
    path = "/v1/audit?limit=1"
    while path:
        page = client.get(path)
        found += [one["operation"] for one in page.json()["items"]]
        path = page.links.get("next", {}).get("url", "")
    assert found == ["list_audit", "op2", "op1", "op0"]


def test_tenants_have_separate_logs(client: httpx2.Client, bob: Headers) -> None:
    """Neither sees what the other did."""
    client.post("/v1/uploads", json=UPLOAD)
    assert client.get("/v1/audit", headers=bob).json()["items"] == []


def test_a_stopping_process_stores_its_entries(client: httpx2.Client, app: FastAPI) -> None:
    """Those of the last second too."""
    client.post("/v1/uploads", json=UPLOAD)
    services = app.state.services
    services.audit.close()
    assert len(list(entries.places(services.store, DEFAULT_TENANT, None, None))) == 1


def test_entries_wait_for_the_store() -> None:
    """In their order. The next flush stores them."""

    class Away(Store):
        is_away = True

        def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
            if Away.is_away:
                raise StoreUnavailable(key)
            super().put(key, data)

    store = Away.in_memory()
    log = AuditLog(store)
    for number in range(3):
        log.add(entry(number))
    with pytest.raises(StoreUnavailable):
        log.flush()
    Away.is_away = False
    log.add(entry(3))
    log.flush()
    log.flush()
    places = entries.places(store, "ada", None, None)
    read = [entries.read(store, "ada", place) for place in places]
    assert [one.operation for one in read if one] == ["op3", "op2", "op1", "op0"]


def test_a_damaged_line_is_left_out() -> None:
    """The others are read."""
    store = Store.in_memory()
    entries.append(store, [entry(1)])
    (info,) = store.list(entries.AUDIT)
    store.put(info.key, b"{\n" + store.get(info.key))
    read = [entries.read(store, "ada", one) for one in entries.places(store, "ada", None, None)]
    assert [one and one.operation for one in read] == ["op1", None]
