"""The app while Redis hangs: its process is stopped, so it accepts connections and answers nothing."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from app.main import create_app
from contracts.generators.generator import StoredGenerator
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.redis_server import StoppableRedis, stoppable_redis

CLIENTS = 60
"""More requests than the app has threads (40)."""
QUICK_SECONDS = 1.0
"""A hanging call takes 2 s. On an idle machine these answers take milliseconds."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoppableRedis]:
    """A Redis for one test."""
    with stoppable_redis(tmp_path) as server:
        yield server


@pytest.fixture
def client(
    server: StoppableRedis, store: Store, generator: StoredGenerator
) -> Iterator[httpx2.Client]:
    """A client of an app with this Redis."""
    settings = Settings.model_validate({"redis_url": server.url, "store_url": "memory:///"})
    with serving(create_app(settings, store)) as client:
        yield client


@pytest.fixture
def ledger(server: StoppableRedis) -> Iterator[Ledger]:
    """The ledger on this Redis, for the fixtures that store resources."""
    ledger = Ledger.connect(server.url)
    yield ledger
    ledger.redis.close()


def seconds_of(answer: httpx2.Response) -> float:
    """Return how long the answer took."""
    return answer.elapsed.total_seconds()


def test_it_is_alive_all_the_time(
    client: httpx2.Client, server: StoppableRedis, fit_id: str, labelset_id: str
) -> None:
    """Requests that need Redis occupy all threads; `/livez` needs none."""
    path, body = f"/v1/fits/{fit_id}", {"generator": "tiny-32", "labelset": labelset_id}
    begun = threading.Barrier(CLIENTS + 1)

    def ask(number: int) -> httpx2.Response:
        begun.wait()
        return client.get(path) if number % 2 else client.post("/v1/fits", json=body)

    with server.hanging(), ThreadPoolExecutor(CLIENTS) as pool:
        asked: list[Future[httpx2.Response]] = [pool.submit(ask, k) for k in range(CLIENTS)]
        begun.wait()
        times = []
        while not all(each.done() for each in asked):
            times.append(seconds_of(client.get("/livez")))
        assert max(times) < QUICK_SECONDS
        answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers[1::2]} == {200}
        refused = answers[::2]
        assert {(one.status_code, one.json()["code"]) for one in refused} == {
            (503, "queue_unavailable")
        }
        assert all(one.headers["Retry-After"] for one in refused)


def test_polls_are_answered_from_the_store_at_once(
    client: httpx2.Client, server: StoppableRedis, fit_id: str
) -> None:
    """Only the first one waits for Redis. A list, an item, its events and `/readyz` share the breaker."""
    with server.hanging():
        client.get(f"/v1/fits/{fit_id}")
        paths = ["/v1/fits", f"/v1/fits/{fit_id}", f"/v1/fits/{fit_id}/events", "/readyz"]
        answers = [client.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 503]
    assert [item["id"] for item in answers[0].json()["items"]] == [fit_id]
    assert sum(map(seconds_of, answers)) < len(paths) * QUICK_SECONDS


def test_a_wait_ends_at_its_limit(
    client: httpx2.Client, server: StoppableRedis, fit_id: str
) -> None:
    """Its clock is the app's."""
    with server.hanging():
        answer = client.get(f"/v1/fits/{fit_id}", headers={"Prefer": "wait=3"})
    assert answer.json()["status"] == "queued"
    assert 3 <= seconds_of(answer) < 10


def test_it_recovers(client: httpx2.Client, server: StoppableRedis, labelset_id: str) -> None:
    """A create succeeds soon after Redis answers again."""
    body = {"generator": "tiny-32", "labelset": labelset_id}
    with server.hanging():
        assert client.post("/v1/fits", json=body).status_code == 503
    deadline = time.monotonic() + 20
    while (answer := client.post("/v1/fits", json=body)).status_code == 503:
        assert time.monotonic() < deadline
    assert answer.status_code == 202
