"""Gives every request an id, a line in the log, and a place in the metrics.

The id is the caller's `X-Request-Id` if it is valid, else a new one; the response returns it. A valid `traceparent`
(W3C Trace Context) is returned too; with traces on, it is that of this request's span. Both are in every line of the
request's log, and in the logs of its jobs. The line has no query string: the signature of a link must not be logged.
"""

import re
import time
from contextlib import AbstractContextManager, nullcontext

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.ids import uuid7_hex
from contracts.jobs import Origin
from state.process.metrics import REGISTRY
from state.process.tracing import current_traceparent, describe_span, span

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

_UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})
"""Probes and scrapes come every few seconds and lead to no work."""
_LOG_NAMES = {HEADER: "request_id", TRACE_HEADER: "traceparent"}
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
        parent = trace if _VALID_TRACE.fullmatch(trace) else None
        request_id = given if _VALID.fullmatch(given) else uuid7_hex()
        scope.setdefault("state", {})["request_id"] = request_id
        with _span_of(scope, parent):
            traceparent = current_traceparent() or parent
            traces = {TRACE_HEADER: traceparent} if traceparent else {}
            await self._answer(scope, receive, send, ids={HEADER: request_id, **traces})

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, *, ids: dict[str, str]
    ) -> None:
        status, method = 0, _method_of(scope)
        started = time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(scope=message).update(ids)
                seconds = time.monotonic() - started
                REQUEST_SECONDS.labels(method, _route_of(scope), status).observe(seconds)
            await send(message)

        bound = {_LOG_NAMES[name]: value for name, value in ids.items()}
        with structlog.contextvars.bound_contextvars(**bound):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = round(time.monotonic() - started, 4)
                _describe(scope, method, status, bound["request_id"])
                log.info(scope["method"], path=scope["path"], status=status, seconds=seconds)


def current_origin() -> Origin | None:
    """Return the request in whose context the code runs, also in its threads; None outside of one."""
    bound = structlog.contextvars.get_contextvars()
    if "request_id" not in bound:
        return None
    return Origin(request_id=bound["request_id"], traceparent=bound.get("traceparent"))


def _span_of(scope: Scope, parent: str | None) -> AbstractContextManager[None]:
    if scope["path"] in _UNTRACED:
        return nullcontext()
    return span(_method_of(scope), parent=parent, is_server=True)


def _describe(scope: Scope, method: str, status: int, request_id: str) -> None:
    """Name the span of a request by its route. A path or a query could contain ids and signatures."""
    if scope["path"] not in _UNTRACED:
        route = _route_of(scope)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "handsoff.request_id": request_id,
        }
        describe_span(f"{method} {route}", attributes)


def _method_of(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else NO_ROUTE


def _route_of(scope: Scope) -> str:
    """Return the path of the matched route with its parameters' names, such as `/v1/fits/{id}`."""
    return str(getattr(scope.get("route"), "path", NO_ROUTE))
