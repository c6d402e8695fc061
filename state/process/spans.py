"""Spans of OpenTelemetry for one process. Only `tracing.py` imports this file, and only when traces are on.

The provider is private, so libraries that look for a global one (FastAPI does) add no spans: theirs would contain query
strings, and with them the signatures of links.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Value = str | int | float
PROPAGATOR = TraceContextTextMapPropagator()


class Spans:
    """Starts spans and gives them to a processor."""

    def __init__(self, processor: SpanProcessor, service: str) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME") or service
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("handsoff")

    @contextmanager
    def span(
        self, name: str, parent: str | None, attributes: Mapping[str, Value], *, is_server: bool
    ) -> Iterator[None]:
        """Open a span around the block. An exception marks it as failed; its text is left out."""
        kind = SpanKind.SERVER if is_server else SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            name, _context_of(parent), kind, attributes=dict(attributes), record_exception=False
        ):
            yield

    def add_past(
        self,
        name: str,
        parent: str | None,
        began: float,
        ended: float,
        attributes: Mapping[str, Value],
    ) -> None:
        """Add a span that has ended. `began` and `ended` are seconds since 1970."""
        span = self._tracer.start_span(
            name, _context_of(parent), attributes=dict(attributes), start_time=_nanoseconds(began)
        )
        span.end(_nanoseconds(ended))

    def describe(self, name: str, attributes: Mapping[str, Value]) -> None:
        """Rename the current span and add attributes."""
        span = get_current_span()
        span.update_name(name)
        span.set_attributes(dict(attributes))

    def traceparent(self) -> str | None:
        """Return the current span in the form of W3C Trace Context, None outside of one."""
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    def flush(self) -> None:
        """Send the remaining spans. A silent receiver delays this by OTEL_EXPORTER_OTLP_TIMEOUT, ten seconds."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send the remaining spans and end the thread. A process does so at its exit, unless a signal ends it."""
        self._provider.shutdown()


def exporting(service: str) -> Spans:
    """Return spans that are sent by OTLP over HTTP, in the background. The exporter reads the variables `OTEL_...`."""
    return Spans(BatchSpanProcessor(OTLPSpanExporter()), service)


def _context_of(parent: str | None) -> Context | None:
    return PROPAGATOR.extract({"traceparent": parent}) if parent else None


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
