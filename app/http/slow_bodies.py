"""Ends requests whose body arrives too slowly: each would hold a connection, a file and an upload slot."""

import asyncio
import time
from datetime import timedelta
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RECEIVED_BYTES = "received_bytes"
"""The name of the number of bytes of the body so far, in the state of a request."""


class SlowBodies:
    """ASGI middleware: 408 for a body that pauses for `idle` or arrives slower than `min_rate` bytes per second.

    The rate is the average over the whole body, checked after the first `grace`. Waiting for a disconnect, after the
    body, has no limit.
    """

    def __init__(self, app: ASGIApp, *, idle: timedelta, grace: timedelta, min_rate: int) -> None:
        self.app = app
        self._idle_seconds = idle.total_seconds()
        self._grace_seconds = grace.total_seconds()
        self._min_rate = min_rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_body = True
        num_bytes = 0
        started = time.monotonic()

        async def receive_in_time() -> Message:
            nonlocal is_body, num_bytes
            if not is_body:
                return await receive()
            try:
                async with asyncio.timeout(self._idle_seconds):
                    message = await receive()
            except TimeoutError:
                raise self._too_slow(num_bytes, time.monotonic() - started) from None
            num_bytes += len(message.get("body", b""))
            scope.setdefault("state", {})[RECEIVED_BYTES] = num_bytes
            is_body = message["type"] == "http.request" and message.get("more_body", False)
            self._check_rate(num_bytes, time.monotonic() - started, is_body=is_body)
            return message

        await self.app(scope, receive_in_time, send)

    def _check_rate(self, num_bytes: int, seconds: float, *, is_body: bool) -> None:
        if is_body and num_bytes < self._min_rate * (seconds - self._grace_seconds):
            raise self._too_slow(num_bytes, seconds)

    def _too_slow(self, num_bytes: int, seconds: float) -> HTTPException:
        detail = (
            f"Expected the next bytes of the body within {self._idle_seconds:g} s and {self._min_rate} bytes a second"
            f" on average, got {num_bytes} bytes in {seconds:.0f} s. Send the request again."
        )
        return HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, headers={"Connection": "close"})
