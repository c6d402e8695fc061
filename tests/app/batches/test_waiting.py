"""Batches that wait: their order over HTTP, their position, and the limit of what may wait."""

from collections.abc import Callable

import httpx2
import pytest
import redis

from contracts.kinds import Kinds
from state.admission.admission import Admission
from state.admission.costs import Cost, Costs
from state.ledger import Ledger
from state.queues import lists_of
from state.settings import Settings

LIST = lists_of("generate").waiting
Create = Callable[..., str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with a limit of 1,000 seconds: 10,000 samples, before any is measured."""
    return settings.model_copy(update={"max_queued_time": settings.idempotency_ttl / 86.4})


@pytest.fixture
def create(client: httpx2.Client, finished_fit_id: str) -> Create:
    """Return a function that requests a batch and returns its id."""

    def create(n: int, **headers: str) -> str:
        answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": n}, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    return create


@pytest.fixture
def take(settings: Settings, ledger: Ledger) -> Callable[[], str]:
    """Return a function that takes an entry as a worker without any work does, and returns its batch."""

    def take() -> str:
        with redis.Redis.from_url(settings.redis_url.get_secret_value()) as jobs:
            entry = jobs.lpop(LIST)
            assert isinstance(entry, bytes)
            Admission(ledger, jobs, Kinds(), settings.heartbeat_fresh).pump("generate")
            return entry.decode().partition("-")[0]

    return take


def test_eight_pairs_overtake_batches(create: Create, take: Callable[[], str]) -> None:
    """They are rendered after the two shards that RQ has, not after 20 batches of 256."""
    for _ in range(20):
        create(256)
    small = create(8)
    assert small in [take() for _ in range(3)]


def test_a_batch_that_a_caller_waits_for_goes_ahead(
    client: httpx2.Client, create: Create, take: Callable[[], str]
) -> None:
    """`Prefer: wait` at the request or later. The position shows it."""
    others = [create(256) for _ in range(20)]
    awaited = create(256, Prefer="wait=1")
    assert client.get(f"/v1/batches/{awaited}").json()["queue_position"] == 2
    client.get(f"/v1/batches/{others[10]}", headers={"Prefer": "wait=1"})
    taken = [take() for _ in range(6)]
    assert {awaited, others[10]} <= set(taken)


def test_the_position_is_that_of_the_order(client: httpx2.Client, create: Create) -> None:
    """Each batch counts once; a short one is ahead of long ones that were there before."""
    large = [create(256 * 10) for _ in range(3)]
    small = create(8)
    positions = [
        client.get(f"/v1/batches/{one}").json()["queue_position"] for one in (*large, small)
    ]
    assert positions[0] == 0
    assert positions[3] == 2
    assert positions[1:3] == [4, 5]


def test_too_much_work_is_refused(
    client: httpx2.Client, create: Create, finished_fit_id: str
) -> None:
    """503 with `Retry-After`, and nothing is stored. What fits is still accepted."""
    create(9_000)  # 900 s, of which two shards of 256 go to RQ
    body = {"fit": finished_fit_id, "n": 9_000}
    answer = client.post("/v1/batches", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
    assert answer.json()["retryable"] is True
    assert 700 < int(answer.headers["Retry-After"]) < 900
    assert len(client.get("/v1/batches").json()["items"]) == 1
    create(500)


def test_a_large_batch_may_wait_alone(create: Create) -> None:
    """It would not fit later either."""
    create(20_000)


def test_a_replay_is_not_refused(
    client: httpx2.Client, create: Create, finished_fit_id: str
) -> None:
    """The batch exists, whatever waits behind it."""
    create(9_990, **{"Idempotency-Key": "once"})
    body = {"fit": finished_fit_id, "n": 9_990}
    answer = client.post("/v1/batches", json=body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 202
    assert answer.headers["Idempotent-Replayed"] == "true"


def test_results_are_limited_too(
    client: httpx2.Client, create: Create, finished_fit_id: str, ledger: Ledger
) -> None:
    """Samples of this fit are known to be large, so that the disk would be full before the time is over."""
    Costs(ledger).note_samples(finished_fit_id, 1, Cost(seconds=0.01, num_bytes=1e9))
    create(1_000)  # of which half goes to RQ
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 700})
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
    assert "GB of results" in answer.json()["detail"]
    create(300)
