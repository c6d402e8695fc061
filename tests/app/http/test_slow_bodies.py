"""Promises about bodies that arrive slowly, over real sockets."""

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
def hasty(redis_url: str) -> Iterator[httpx2.Client]:
    """An app that waits half a second for bytes, and expects 100 bytes a second after one second."""
    limits = {
        "body_idle": timedelta(seconds=0.5),
        "body_grace": timedelta(seconds=1),
        "body_bytes_per_second": 100,
    }
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"} | limits)
    with serving(create_app(settings)) as client:
        yield client


def connected(client: httpx2.Client) -> socket.socket:
    """A connection to the app that has sent its headers."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 80))
    connection.settimeout(10)
    connection.sendall(HEAD)
    return connection


def test_a_body_that_stops_is_ended(hasty: httpx2.Client) -> None:
    """A client that sends nothing is answered 408 after the pause that is allowed."""
    with connected(hasty) as connection:
        connection.sendall(b"{")
        answer = connection.recv(4_000)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def test_a_body_that_drips_is_ended(hasty: httpx2.Client) -> None:
    """A byte now and then does not keep the place for ever."""
    begun = time.monotonic()
    with connected(hasty) as connection:
        answer = b""
        while not answer and time.monotonic() - begun < 9:
            connection.sendall(b" ")
            connection.settimeout(0.2)
            try:
                answer = connection.recv(4_000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")


def test_waiting_for_a_disconnect_has_no_limit() -> None:
    """An event stream waits for the client's end long after the body: that is no slow body."""
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
        """Nothing is sent."""

    short = timedelta(seconds=0.01)
    middleware = SlowBodies(app, idle=short, grace=short, least_rate=10**9)
    asyncio.run(middleware({"type": "http"}, receive, send))
    assert seen == ["http.request", "http.disconnect"]
