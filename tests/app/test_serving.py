"""The HTTP server: idle connections, and the answers while it stops."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import httpx2
import pytest

from app.main import create_app
from app.serving import Server, server_of
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.streams.conftest import stream_id  # noqa: F401 - a fixture


def test_idle_connections_stay_open_longer_than_clients_keep_theirs() -> None:
    """A client or a proxy closes first, so no request meets a connection that the server is closing."""
    settings = Settings(keep_alive=timedelta(seconds=90))
    server = server_of(create_app(settings, Store.in_memory()), settings)
    assert server.config.timeout_keep_alive == 90
    assert Settings().keep_alive.total_seconds() == 75


class Stoppable:
    """A server in a thread. `stop` does what SIGTERM does, and returns when it has ended."""

    def __init__(self, server: Server, listener: socket.socket) -> None:
        self.server = server
        self.address = "http://{}:{}".format(*listener.getsockname())
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        self._thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join()


@contextmanager
def running(settings: Settings, store: Store) -> Iterator[Stoppable]:
    """Run an app that a test may stop."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(settings, store)
        server = server_of(app, settings)
        stoppable = Stoppable(server, listener)
        yield stoppable
        stoppable.stop()


@pytest.fixture
def stoppable(settings: Settings, store: Store) -> Iterator[Stoppable]:
    """A second app on the store and Redis of the test."""
    with running(settings, store) as stoppable:
        yield stoppable


def stopped_during(
    stoppable: Stoppable, ledger: Ledger, ask: Callable[[], httpx2.Response]
) -> httpx2.Response:
    """Return the answer to a request that waits when the server stops."""
    with ThreadPoolExecutor(1) as pool:
        asked: Future[httpx2.Response] = pool.submit(ask)
        while not stoppable.server.server_state.tasks or not is_reading(ledger):
            assert not asked.done()
        stoppable.stop()
        return asked.result()


def is_reading(ledger: Ledger) -> bool:
    """Return whether some process waits for entries of a stream in Redis."""
    return any(client["cmd"] == "xread" for client in ledger.redis.client_list())


def test_a_wait_for_a_job_ends_with_its_present_state(
    client: httpx2.Client, stoppable: Stoppable, ledger: Ledger, fit_id: str
) -> None:
    """The caller polls on, as at the limit of its wait."""
    url = f"{stoppable.address}/v1/fits/{fit_id}"
    answer = stopped_during(
        stoppable,
        ledger,
        lambda: httpx2.get(url, headers={"Prefer": "wait=50"}, timeout=60),
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")


def test_a_wait_for_a_shard_ends_with_503(
    client: httpx2.Client,
    stoppable: Stoppable,
    ledger: Ledger,
    stream_id: str,  # noqa: F811 - the fixture
) -> None:
    """The shard is queued; the caller asks again."""
    url = f"{stoppable.address}/v1/streams/{stream_id}/shards/0/record"
    answer = stopped_during(stoppable, ledger, lambda: httpx2.get(url, timeout=60))
    assert (answer.status_code, answer.json()["code"]) == (503, "shard_not_ready")
    assert answer.headers["Retry-After"]


def test_live_events_end(
    client: httpx2.Client, stoppable: Stoppable, ledger: Ledger, fit_id: str
) -> None:
    """Without `completed`, so the listener reconnects and continues."""
    url = f"{stoppable.address}/v1/fits/{fit_id}/events/live"
    answer = stopped_during(stoppable, ledger, lambda: httpx2.get(url, timeout=60))
    assert answer.status_code == 200
    assert "completed" not in answer.text


def test_a_request_that_takes_too_long_gets_503(stoppable: Stoppable) -> None:
    """An upload whose body has not arrived is cancelled after the grace, with a problem and `Retry-After`."""
    stoppable.server.config.timeout_graceful_shutdown = 1
    host, port = stoppable.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"POST /v1/fits HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 99\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
        while not stoppable.server.server_state.tasks:
            pass
        stoppable.stop()
        answer = b""
        with suppress(ConnectionResetError):
            while chunk := connection.recv(65_536):
                answer += chunk
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"application/problem+json" in answer
    assert b"retry-after" in answer.lower()
