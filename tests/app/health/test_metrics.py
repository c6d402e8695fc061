"""Tests of `/metrics`, read by the parser of the Prometheus client."""

from datetime import timedelta

import httpx2
import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, ShardRef
from contracts.kinds import Kinds
from state.admission.admission import Admission
from state.admission.costs import Cost
from state.ledger import Ledger
from state.queues import put, shard_call
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving

Figures = dict[tuple[str, ...], float]


def figures(client: httpx2.Client) -> Figures:
    """Return the value of each sample, by its name and the values of its labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(before: Figures, after: Figures, *key: str) -> float:
    """Return by how much a counter has grown."""
    return after.get(key, 0) - before.get(key, 0)


def test_requests_are_counted_by_route(client: httpx2.Client) -> None:
    """The label is the pattern of the route, so that ids do not make new labels; unknown paths share one."""
    before = figures(client)
    fits = [f"/v1/fits/{new_id('fit')}" for _ in range(2)]
    for path in (*fits, "/nowhere/1", "/nowhere/2"):
        assert client.get(path).status_code == 404
    after = figures(client)
    name = "handsoff_http_request_seconds_count"
    assert grown(before, after, name, "GET", "none", "404") == 2
    assert grown(before, after, name, "GET", "/v1/fits/{fit_id}", "404") == 2


def test_a_queue_reports_its_load(
    client: httpx2.Client, settings: Settings, ledger: Ledger
) -> None:
    """Three entries and two fresh workers are a load of 1.5; a silent worker is no capacity, but its age is seen."""
    batch = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as connection:
        for index in range(3):
            put(connection, shard_call(ShardRef(batch=batch, index=index), 1))
    for name, age in (("a", 0), ("b", 1), ("c", 100)):
        at = now() - timedelta(seconds=age)
        beat = Heartbeat(worker=name, queue="generate", state="idle", at=at, device="cpu")
        ledger.record_heartbeat(beat)
    found = figures(client)
    assert found["handsoff_queue_waiting", "generate"] == 3
    assert found["handsoff_queue_waiting", "fit"] == 0
    assert found["handsoff_queue_load", "generate"] == 1.5
    assert 0 <= found["handsoff_queue_oldest_seconds", "generate"] < 60
    assert found["handsoff_workers", "generate", "idle"] == 2
    assert 100 <= found["handsoff_heartbeat_age_seconds", "generate"] < 160
    assert found["handsoff_redis_up",] == 1


def test_shards_that_wait_count_in_the_load(
    client: httpx2.Client, settings: Settings, ledger: Ledger
) -> None:
    """An autoscaler sees the whole batch, although RQ has two of its shards; the others are predicted 3 s each."""
    batch = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as connection:
        admission = Admission(ledger, connection, Kinds(), settings.heartbeat_fresh)
        admission.put_shards(batch, range(40), Cost(3))
    found = figures(client)
    assert found["handsoff_queue_waiting", "generate"] == 40
    assert found["handsoff_queue_backlog_seconds", "generate"] == 38 * 3


def test_reconcilers_are_counted(client: httpx2.Client, ledger: Ledger) -> None:
    """An alert on 0 finds a service that repairs nothing."""
    assert figures(client)["handsoff_reconcilers",] == 0
    ledger.record_reconciler("a")
    assert figures(client)["handsoff_reconcilers",] == 1


def test_without_redis_it_still_answers() -> None:
    """The figures of the process are there, `redis_up` is 0, and the failed calls are counted."""
    settings = Settings.model_validate({"redis_url": "redis://127.0.0.1:1/0"})
    with serving(create_app(settings, Store.in_memory())) as client:
        before, after = figures(client), figures(client)
    assert after["handsoff_redis_up",] == 0
    assert ("handsoff_queue_waiting", "fit") not in after
    assert grown(before, after, "handsoff_redis_errors_total", "ConnectionError") >= 1


@pytest.mark.parametrize(
    "name", ["process_resident_memory_bytes", "python_gc_objects_collected_total"]
)
def test_the_process_reports_itself(client: httpx2.Client, name: str) -> None:
    """Memory and garbage collection come from the Prometheus client."""
    assert any(key[0] == name for key in figures(client))
