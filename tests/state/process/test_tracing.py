"""Traces are off unless an endpoint is configured, and then nothing of OpenTelemetry is imported."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from state.process.spans import exporting
from state.process.tracing import (
    ENDPOINTS,
    current_traceparent,
    flush_spans,
    is_tracing,
    span,
    use_spans,
)

REPOSITORY = Path(__file__).resolve().parents[3]
CODE = """
import sys
{before}
from state.process.tracing import configure_tracing, is_tracing, use_spans
configure_tracing("test")
print(is_tracing(), any(name.startswith("opentelemetry") for name in sys.modules))
"""


def run(environment: dict[str, str], before: str = "") -> subprocess.CompletedProcess[str]:
    """Configure tracing in a fresh interpreter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", CODE.format(before=before)],
        cwd=REPOSITORY,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_an_endpoint_nothing_is_imported() -> None:
    """A service without traces pays nothing for them."""
    assert run({}).stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_turns_traces_on(name: str) -> None:
    """Either of the standard variables does, and the test above can fail. Nothing has to answer there."""
    assert run({name: "http://127.0.0.1:1"}).stdout.split() == ["True", "True"]


def test_the_standard_switch_turns_traces_off() -> None:
    """OTEL_SDK_DISABLED is stronger than an endpoint."""
    disabled = {ENDPOINTS[0]: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}
    assert run(disabled).stdout.split() == ["False", "False"]


def test_missing_packages_end_the_process_with_advice() -> None:
    """A trace that is silently missing would be searched for."""
    ended = run({ENDPOINTS[0]: "http://127.0.0.1:1"}, 'sys.modules["opentelemetry.sdk"] = None')
    assert ended.returncode == 1
    assert "--group otel" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_span_without_traces_does_nothing() -> None:
    """The block runs, and no `traceparent` appears."""
    with span("nothing"):
        assert current_traceparent() is None
    assert not is_tracing()


def test_a_receiver_that_hangs_delays_the_end_by_its_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The block itself does not wait for it."""
    with socket.socket() as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.listen()  # accepts the connection and never answers
        monkeypatch.setenv(ENDPOINTS[0], f"http://127.0.0.1:{receiver.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        spans = exporting("test")
        use_spans(spans)
        began = time.monotonic()
        with span("work"):
            pass
        worked = time.monotonic()
        flush_spans()
        flushed = time.monotonic()
        use_spans(None)
        spans.close()
    assert worked - began < 0.5
    assert 0.9 < flushed - worked < 5
