"""Gives every request an id, a line in the log, and a place in the metrics.

The id is the caller's `X-Request-Id` if it is valid, else a new one; the response returns it. A valid `traceparent`
(W3C Trace Context) is returned too. Both are in every line of the request's log, and in the logs of its jobs.
The line has no query string, because the signature of a link must not be logged.
"""

import re
import time

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.ids import uuid7_hex
from contracts.jobs import Origin
from state.process.metrics import REGISTRY

log = structlog.get_logger()

HEADER, TRACE_HEADER = "X-Request-Id", "traceparent"
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
_VALID_TRACE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class RequestIds:
    """ASGI middleware that puts the id into `scope["state"]["request_id"]` and the response header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given, trace = headers.get(HEADER, ""), headers.get(TRACE_HEADER, "")
        traces = {"traceparent": trace} if _VALID_TRACE.fullmatch(trace) else {}
        request_id = given if _VALID.fullmatch(given) else uuid7_hex()
        scope.setdefault("state", {})["request_id"] = request_id

        status, method = 0, scope["method"] if scope["method"] in _METHODS else NO_ROUTE
        started = time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(scope=message).update({HEADER: request_id, **traces})
                seconds = time.monotonic() - started
                REQUEST_SECONDS.labels(method, _route_of(scope), status).observe(seconds)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id, **traces):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = round(time.monotonic() - started, 4)
                log.info(scope["method"], path=scope["path"], status=status, seconds=seconds)


def current_origin() -> Origin | None:
    """Return the request in whose context the code runs, also in its threads; None outside of one."""
    bound = structlog.contextvars.get_contextvars()
    if "request_id" not in bound:
        return None
    return Origin(request_id=bound["request_id"], traceparent=bound.get("traceparent"))


def _route_of(scope: Scope) -> str:
    """Return the path of the matched route with its parameters' names, such as `/v1/fits/{id}`."""
    return str(getattr(scope.get("route"), "path", NO_ROUTE))
