"""Tests of bodies that arrive slowly, over real sockets."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.http.slow_bodies import SlowBodies
from app.main import create_app
from state.settings import Settings
from tests.app.conftest import serving

HEAD = b"POST /v1/fits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture
def strict_client(redis_url: str) -> Iterator[httpx2.Client]:
    """A client of an app that waits 0.5 s for the next bytes and requires 100 bytes per second after 1 s."""
    limits = {
        "body_idle": timedelta(seconds=0.5),
        "body_grace": timedelta(seconds=1),
        "body_bytes_per_second": 100,
    }
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"} | limits)
    with serving(create_app(settings)) as client:
        yield client


def connected(client: httpx2.Client) -> socket.socket:
    """Open a connection to the app and send the request headers."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 80))
    connection.settimeout(10)
    connection.sendall(HEAD)
    return connection


def test_a_body_that_stops_is_ended(strict_client: httpx2.Client) -> None:
    """A client that stops sending gets 408 after the allowed pause."""
    with connected(strict_client) as connection:
        connection.sendall(b"{")
        answer = connection.recv(4_000)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def test_a_body_that_trickles_is_ended(strict_client: httpx2.Client) -> None:
    """Single bytes do not keep the connection open forever."""
    started = time.monotonic()
    with connected(strict_client) as connection:
        answer = b""
        while not answer and time.monotonic() - started < 9:
            connection.sendall(b" ")
            connection.settimeout(0.2)
            try:
                answer = connection.recv(4_000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")


def test_waiting_for_a_disconnect_has_no_limit() -> None:
    """An event stream waits for the disconnect long after the body has ended."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    seen: list[str] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])

    async def send(_: Message) -> None:
        """Discard the message."""

    short = timedelta(seconds=0.01)
    middleware = SlowBodies(app, idle=short, grace=short, min_rate=10**9)
    asyncio.run(middleware({"type": "http"}, receive, send))
    assert seen == ["http.request", "http.disconnect"]
