"""How long ended jobs are kept: as the request says, else as the tenant's limits say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI

from app.access.table import KeyTable
from contracts.access.tenants import TenantLimits
from contracts.ids import DEFAULT_TENANT
from state.access import tenant_records
from state.retention import expiry
from state.store import Store


def create(client: httpx2.Client, fit: str, **changes: int) -> str:
    """Create a batch. Returns its id."""
    answer = client.post("/v1/batches", json={"fit": fit, "n": 2} | changes)
    assert answer.status_code == 202, answer.text
    assert answer.json()["kept_until"] is None
    return str(answer.json()["id"])


def kept_for(client: httpx2.Client, batch: str) -> timedelta | None:
    """Return how long a batch is kept after its end."""
    shown = client.get(f"/v1/batches/{batch}").json()
    if shown["kept_until"] is None:
        return None
    return datetime.fromisoformat(shown["kept_until"]) - datetime.fromisoformat(
        shown["finished_at"]
    )


def test_a_job_says_until_when_it_is_kept(
    client: httpx2.Client, store: Store, finished_fit_id: str, finish_batch: Callable[[str], object]
) -> None:
    """Once it has ended. Another one has no end, and no mark."""
    expiring = create(client, finished_fit_id, expires_after_seconds=3_600)
    kept = create(client, finished_fit_id)
    for batch in (expiring, kept):
        finish_batch(batch)
    assert kept_for(client, expiring) == timedelta(hours=1)
    assert kept_for(client, kept) is None
    assert [mark.ref.id for mark in expiry.marks(store, DEFAULT_TENANT)] == [expiring]


@pytest.mark.parametrize("seconds", [0, 59, -1, 10**12, 60.5])
def test_an_invalid_time_is_refused(
    client: httpx2.Client, finished_fit_id: str, seconds: float
) -> None:
    """With its field."""
    body = {"fit": finished_fit_id, "n": 2, "expires_after_seconds": seconds}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expires_after_seconds"


@pytest.fixture
def limited(
    served: tuple[FastAPI, httpx2.Client], client: httpx2.Client, store: Store
) -> Iterator[httpx2.Client]:
    """Return a client of an app whose tenant keeps jobs for ten minutes."""
    limits = TenantLimits(expires_after_seconds=600)
    tenant_records.set_limits(store, DEFAULT_TENANT, limits)
    keys = KeyTable(store)
    keys.refresh()
    services = served[0].state.services
    served[0].state.services = replace(services, keys=keys)
    yield client
    served[0].state.services = services


def test_a_tenant_has_a_default(
    limited: httpx2.Client, finished_fit_id: str, finish_batch: Callable[[str], object]
) -> None:
    """A request may choose another time."""
    for changes, expected in (({}, 10), ({"expires_after_seconds": 60}, 1)):
        batch = create(limited, finished_fit_id, **changes)
        finish_batch(batch)
        assert kept_for(limited, batch) == timedelta(minutes=expected)
