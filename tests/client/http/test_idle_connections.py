"""A server closes an idle connection at the moment when a request uses it again."""

import socket
from collections.abc import Iterator

import httpx2
import pytest

from handsoff_client import HandsOff, Retries
from handsoff_client.client import IDLE_SECONDS
from handsoff_client.http.first_samples import first_samples
from state.settings import Settings
from tests.client.conftest import tar_of
from tests.client.http.raw_servers import answering

PAUSES: list[float] = []


def answers_once(body: bytes) -> bytes:
    """Return an answer that leaves the connection open."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def serve(connection: socket.socket) -> None:
    """Answer one request. Close the connection when the second one arrives, without an answer."""
    asked = connection.recv(65_536)
    body = tar_of(range(1)) if b"/shard" in asked else b'{"status": "alive"}'
    connection.sendall(answers_once(body))
    connection.recv(65_536)


@pytest.fixture
def client() -> Iterator[HandsOff]:
    """A client with an idle connection that the server is about to close. It records its pauses."""
    PAUSES.clear()
    with answering(serve) as port:
        retries = Retries(sleep=PAUSES.append)
        with HandsOff(f"http://127.0.0.1:{port}", retries=retries) as client:
            client.check_contact()
            yield client


def test_a_link_is_read_on_a_new_connection(client: HandsOff) -> None:
    """A repeated GET is safe, so it needs neither a pause nor an error."""
    assert client.transport.read("/v1/any") == b'{"status": "alive"}'
    assert PAUSES == []


def test_the_first_contact_is_made_on_a_new_connection(client: HandsOff) -> None:
    """The check of an address sends each request once, so a closed connection would look like a wrong address."""
    client.check_contact()


def test_a_preview_is_read_on_a_new_connection(client: HandsOff) -> None:
    """It reads the beginning of a shard outside of the usual retries."""
    assert len(first_samples(client.transport.http, "/shard", 1)) == 1


def test_a_server_that_never_answers_is_named(client: HandsOff) -> None:
    """A new connection that is closed too is an error."""
    with answering(lambda connection: connection.recv(65_536)) as port:
        url = f"http://127.0.0.1:{port}/shard"
        with pytest.raises(Exception, match=f"127.0.0.1:{port} does not answer"):
            first_samples(client.transport.http, url, 1)


def test_a_client_closes_idle_connections_before_the_service() -> None:
    """Also before the usual proxies, which wait for 5 s (Node.js), 60 s (AWS) or 75 s (nginx)."""
    assert 0 < IDLE_SECONDS < 5 < Settings().keep_alive.total_seconds()
    assert httpx2.Limits().keepalive_expiry == 5  # of other clients
