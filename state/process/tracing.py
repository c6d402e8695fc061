"""Traces of OpenTelemetry, from a request to its shards. Without a configured endpoint they are off and import nothing.

A `traceparent` is the text of W3C Trace Context. That of a request is stored with its job, so a worker continues it.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from state.process.spans import Spans, Value

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Standard variables. One of them turns traces on."""


class _Process:
    """The spans of this process, None while traces are off."""

    spans: "Spans | None" = None


def configure_tracing(service: str) -> None:
    """Turn traces on if an endpoint is configured. Call it once, in `main`. `service` names the process in traces.

    Raises `SystemExit` when the packages are missing: a trace that is silently missing would be searched for.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        spans = import_module("state.process.spans")
    except ModuleNotFoundError as error:
        message = (
            f"Expected the packages of OpenTelemetry, because an endpoint is set; {error.name} is missing. Install the"
            " extra `otel` (pip install -c constraints.txt --group otel), or unset OTEL_EXPORTER_OTLP_ENDPOINT."
        )
        raise SystemExit(message) from None
    use_spans(spans.exporting(service))


def use_spans(spans: "Spans | None") -> None:
    """Use these spans from now on. None turns traces off."""
    _Process.spans = spans


def is_tracing() -> bool:
    """Return whether traces are on."""
    return _Process.spans is not None


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    attributes: "Mapping[str, Value] | None" = None,
    is_server: bool = False,
) -> Iterator[None]:
    """Open a span around the block: a child of `parent`, or of the current span. Does nothing while traces are off."""
    if _Process.spans is None:
        yield
        return
    with _Process.spans.span(name, parent, attributes or {}, is_server=is_server):
        yield


def add_past_span(
    name: str, began: float, ended: float | None = None, *, parent: str | None = None
) -> None:
    """Add a span that has ended. `began` and `ended` are seconds since 1970; the default end is now."""
    if _Process.spans is not None:
        end = time.time() if ended is None else ended
        _Process.spans.add_past(name, parent, min(began, end), end, {})


def describe_span(name: str, attributes: "Mapping[str, Value]") -> None:
    """Rename the current span and add attributes."""
    if _Process.spans is not None:
        _Process.spans.describe(name, attributes)


def current_traceparent() -> str | None:
    """Return the current span as a `traceparent`; None while traces are off, or outside of a span."""
    return None if _Process.spans is None else _Process.spans.traceparent()


def flush_spans() -> None:
    """Send the spans that have ended. For the end of a process that a signal ends."""
    if _Process.spans is not None:
        _Process.spans.flush()
