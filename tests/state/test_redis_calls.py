"""The time budget of calls to Redis, and the breaker, on a Redis that really hangs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from state.queues import open_queue
from state.redis_calls import PAUSE, RedisCalls
from tests.redis_server import StoppableRedis, stoppable_redis

TIMEOUT = timedelta(seconds=0.5)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoppableRedis]:
    """A Redis for one test."""
    with stoppable_redis(tmp_path) as server:
        yield server


@pytest.fixture
def calls() -> RedisCalls:
    """A budget of one attempt."""
    return RedisCalls(TIMEOUT, budget=TIMEOUT)


@contextmanager
def failing_within(seconds: float) -> Iterator[None]:
    """Expect an error of Redis within a time."""
    started = time.monotonic()
    with pytest.raises(redis.RedisError):
        yield
    assert time.monotonic() - started < seconds


def transaction(client: "redis.Redis") -> None:
    """Write in a transaction."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.set("a", "1")
        pipeline.execute()


def forms(client: "redis.Redis") -> list[Callable[[], object]]:
    """Return calls of each form that this service uses: a command, a transaction, RQ's reads."""
    return [
        client.ping,
        lambda: transaction(client),
        lambda: open_queue(client, "fit").get_job_ids(),
    ]


@pytest.mark.parametrize("form", range(3))
@pytest.mark.parametrize("is_connected", [True, False])
def test_a_call_ends_within_its_budget(
    server: StoppableRedis, calls: RedisCalls, form: int, *, is_connected: bool
) -> None:
    """Whatever its form, and whether it uses an open connection or opens one, which hangs in the handshake."""
    client = calls.connect(server.url)
    if is_connected:
        client.ping()
    with server.hanging(), failing_within(2 * TIMEOUT.total_seconds()):
        forms(client)[form]()
    client.close()


def test_further_calls_fail_at_once(server: StoppableRedis, calls: RedisCalls) -> None:
    """Also those of other clients: the threads of a process wait once, together."""
    one, other = calls.connect(server.url), calls.connect(server.url, decode_responses=True)
    other.ping()
    with server.hanging():
        with failing_within(2 * TIMEOUT.total_seconds()):
            one.ping()
        for client in (one, other):
            with failing_within(0.1):
                client.ping()
    for client in (one, other):
        client.close()


def test_calls_succeed_again_when_redis_answers(server: StoppableRedis, calls: RedisCalls) -> None:
    """The first call after the pause finds out; then all calls are admitted."""
    client = calls.connect(server.url)
    with server.hanging(), failing_within(2 * TIMEOUT.total_seconds()):
        client.ping()
    deadline = time.monotonic() + PAUSE.total_seconds() + 5
    while time.monotonic() < deadline:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            continue
    assert all(client.ping() for _ in range(3))
    client.close()


def test_a_redis_that_is_down_costs_no_pause(calls: RedisCalls, tmp_path: Path) -> None:
    """A refused connection fails at once, and the first call after a restart succeeds."""
    with stoppable_redis(tmp_path) as server:
        client = calls.connect(server.url)
        client.ping()
        assert client.client_kill_filter(_type="normal", skipme=False) is not None
        assert client.ping()  # sent again, on a new connection
    with failing_within(1):
        client.ping()
    client.close()
