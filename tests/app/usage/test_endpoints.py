"""`/v1/usage`: what a tenant used, by day."""

from datetime import timedelta

import httpx2
import pytest

from contracts.accounts.usage import Usage
from contracts.ids import DEFAULT_TENANT
from state.ledger import Ledger
from state.store import Store
from state.usage import notes, paths
from state.usage.stored import measure

TODAY = notes.today()


def test_usage_is_shown_by_day(client: httpx2.Client, store: Store, ledger: Ledger) -> None:
    """Newest first, from notes and totals of the store: a lost Redis loses none."""
    for days, pairs in ((40, 1), (2, 2), (0, 3)):
        day = TODAY - timedelta(days=days)
        content = Usage(pairs=pairs, device_seconds={"cpu": 1.5}).model_dump_json().encode()
        store.put(f"{paths.notes(DEFAULT_TENANT, day)}/x.json", content)
    notes.fold(store, DEFAULT_TENANT, TODAY)
    ledger.redis.flushall()
    found = client.get("/v1/usage").json()
    assert [one["pairs"] for one in found["items"]] == [3, 2]
    assert found["items"][0] == {
        "day": TODAY.isoformat(),
        "requested_pairs": 0,
        "pairs": 3,
        "device_seconds": {"cpu": 1.5},
        "written_bytes": 0,
        "uploaded_bytes": 0,
    }
    first = (TODAY - timedelta(days=60)).isoformat()
    assert len(client.get(f"/v1/usage?since={first}").json()["items"]) == 3
    until = (TODAY - timedelta(days=1)).isoformat()
    assert len(client.get(f"/v1/usage?until={until}").json()["items"]) == 1


def test_requests_are_counted(client: httpx2.Client, finished_fit_id: str) -> None:
    """A batch with its pairs, an upload with its bytes, each once."""
    body = {"fit": finished_fit_id, "n": 12}
    for _ in range(2):
        client.post("/v1/batches", json=body, headers={"Idempotency-Key": "x"})
    client.post("/v1/uploads", json={"num_bytes": 50, "sha256": "0" * 64})
    (today,) = client.get("/v1/usage").json()["items"]
    assert (today["requested_pairs"], today["uploaded_bytes"], today["pairs"]) == (12, 50, 0)


def test_stored_bytes_are_shown_once_measured(client: httpx2.Client, store: Store) -> None:
    """With the time, because they are counted from time to time."""
    assert client.get("/v1/usage").json()["stored"] is None
    store.put("tenants/default/x", bytes(100))
    measured = measure(store, DEFAULT_TENANT)
    assert client.get("/v1/usage").json()["stored"]["num_bytes"] == measured.num_bytes > 100


@pytest.mark.parametrize(
    "query",
    ["since=2026-01-02&until=2026-01-01", "since=1990-01-01", "since=x", "until=0001-01-01"],
)
def test_an_invalid_period_is_refused(client: httpx2.Client, query: str) -> None:
    """Or empty, but never an error of the service."""
    answer = client.get(f"/v1/usage?{query}")
    assert answer.status_code == (200 if query == "until=0001-01-01" else 422)


@pytest.mark.parametrize("day", ["0", "1769860800", "2026-02-30", "yesterday"])
@pytest.mark.parametrize("address", ["/v1/usage?since=", "/v1/usage?until="])
def test_a_day_is_a_date(client: httpx2.Client, address: str, day: str) -> None:
    """A number would be read as seconds since 1970."""
    answer = client.get(address + day)
    assert answer.status_code == 422
    assert "a date such as 2026-01-31" in answer.json()["errors"][0]["detail"]
