"""Gives every request an id, a line in the log, and a place in the metrics.

The id is the caller's `X-Request-Id` if it is valid, else a new one; the response returns it.
The line has no query string, because the signature of a link must not be logged.
"""

import re
import time

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.ids import uuid7_hex
from state.process.metrics import REGISTRY

log = structlog.get_logger()

HEADER = "X-Request-Id"
REQUEST_SECONDS = Histogram(
    "handsoff_http_request_seconds",
    "Time from the start of a request to the headers of its response. A wait (`Prefer: wait`) counts.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=REGISTRY,
)
NO_ROUTE = "none"
"""The label of paths that no route matches: a label for each path would need memory without a bound."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_VALID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """ASGI middleware that puts the id into `scope["state"]["request_id"]` and the response header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _VALID.fullmatch(given) else uuid7_hex()
        scope.setdefault("state", {})["request_id"] = request_id

        status, method = 0, scope["method"] if scope["method"] in _METHODS else NO_ROUTE
        started = time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(scope=message)[HEADER] = request_id
                seconds = time.monotonic() - started
                REQUEST_SECONDS.labels(method, _route_of(scope), status).observe(seconds)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = round(time.monotonic() - started, 4)
                log.info(scope["method"], path=scope["path"], status=status, seconds=seconds)


def _route_of(scope: Scope) -> str:
    """Return the path of the matched route with its parameters' names, such as `/v1/fits/{id}`."""
    return str(getattr(scope.get("route"), "path", NO_ROUTE))
