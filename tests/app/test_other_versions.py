"""The app with data of another version in Redis: workers and reconciler may be updated before or after it."""

import httpx2
import pytest

from state.ledger import Ledger
from state.on_demand.ledger import OnDemandLedger
from tests.app.streams.conftest import stream_id  # noqa: F401 - a fixture
from tests.recorded_redis import VERSIONS, load


@pytest.mark.parametrize("version", VERSIONS)
def test_every_read_succeeds(
    client: httpx2.Client, ledger: Ledger, fit_id: str, version: str
) -> None:
    """Readiness, the job with its progress, the list and the events."""
    ledger.redis.flushall()
    load(ledger.redis, version, fit=fit_id)
    assert client.get("/readyz").status_code == 200
    job = client.get(f"/v1/fits/{fit_id}").json()
    assert (job["status"], job["attempt"]) == ("running", 1)
    assert [fit["status"] for fit in client.get("/v1/fits").json()["items"]] == ["running"]
    events = client.get(f"/v1/fits/{fit_id}/events").json()["items"]
    assert [event["type"] for event in events] == ["status", "status", "progress"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_batch_is_accepted(
    client: httpx2.Client, ledger: Ledger, finished_fit_id: str, version: str
) -> None:
    """Its plan counts the workers, so it reads every heartbeat."""
    load(ledger.redis, version)
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 4})
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("version", VERSIONS)
def test_a_shard_is_requested(
    client: httpx2.Client,
    ledger: Ledger,
    stream_id: str,  # noqa: F811 - the fixture
    version: str,
) -> None:
    """Claims and failures of another version neither fail nor block it."""
    load(ledger.redis, version, stream=stream_id)
    answer = client.get(f"/v1/streams/{stream_id}/shards/3/record", params={"wait": 0})
    assert (answer.status_code, answer.json()["code"]) == (503, "shard_not_ready")


def test_an_unreadable_claim_is_no_error(
    client: httpx2.Client,
    ledger: Ledger,
    stream_id: str,  # noqa: F811 - the fixture
) -> None:
    """The request waits until the reconciler has released it."""
    items, key = OnDemandLedger(ledger), f"handsoff:on-demand:claims:default/{stream_id}"
    ledger.redis.hset(key, "3", "[]")
    ledger.redis.sadd("handsoff:on-demand:owners", f"default/{stream_id}")
    answer = client.get(f"/v1/streams/{stream_id}/shards/3/record", params={"wait": 0})
    assert answer.json()["code"] == "shard_not_ready"
    assert None in items.all_claims().values()
