"""One trace leads from a request to the shards that it causes, in the app and in a worker."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from app.main import create_app
from contracts.jobs import JobRef
from state.process.spans import Spans
from state.process.tracing import use_spans
from state.queues import job_call, put
from tests.app.conftest import serving
from tests.workers.scene import Scene
from workers.runtime.worker import Worker

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Turn traces on during one test, and keep the spans in memory."""
    exporter = InMemorySpanExporter()
    spans = Spans(SimpleSpanProcessor(exporter), "test")
    use_spans(spans)
    yield exporter
    use_spans(None)
    spans.close()


def send(scene: Scene, method: str, path: str, **options: Any) -> httpx2.Response:
    """Send one request to an app on the scene's store and Redis. Its span has ended when the server has stopped."""
    with serving(create_app(scene.machine.settings, scene.machine.store)) as client:
        return client.request(method, path, **options)


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Return the ended spans. Names occur once in these tests."""
    return {span.name: span for span in exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> str:
    """Return the id of a span's parent, empty for a root."""
    return f"{span.parent.span_id:016x}" if span.parent else ""


def id_of(span: ReadableSpan) -> str:
    """Return the id of a span."""
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def test_a_trace_leads_from_the_request_to_the_shard(
    scene: Scene, exporter: InMemorySpanExporter, signals: None
) -> None:
    """Every span has the caller's trace, and each is below the one that caused it."""
    fit = scene.fit()
    exporter.clear()
    body, headers = {"fit": fit.id, "n": 2}, {"traceparent": TRACEPARENT}
    answer = send(scene, "POST", "/v1/batches", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    Worker("generate", scene.machine).work(burst=True)
    spans = by_name(exporter)
    post, entry = spans["POST /v1/batches"], spans["workers.rendering.batches.run_shard"]
    assert {f"{one.context.trace_id:032x}" for one in spans.values() if one.context} == {TRACE}
    assert answer.headers["traceparent"] == f"00-{TRACE}-{id_of(post)}-01"
    assert parent_of(post) == PARENT
    assert {parent_of(spans[name]) for name in ("admission", "queue", entry.name)} == {id_of(post)}
    chain = [entry.name, "render shard", "store put", "render"]
    for above, below in pairwise(chain):
        assert parent_of(spans[below]) == id_of(spans[above])
    assert all(
        one.start_time and one.end_time and one.start_time <= one.end_time for one in spans.values()
    )


def test_stages_of_a_job_are_spans(
    scene: Scene, exporter: InMemorySpanExporter, signals: None
) -> None:
    """A fit without a `traceparent` begins a new trace, and its stages are below its entry."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    Worker("fit", scene.machine).work(burst=True)
    spans = by_name(exporter)
    entry = spans["workers.fitting.fits.run"]
    assert parent_of(entry) == ""
    assert {parent_of(spans[name]) for name in ("queue", "inverting", "training")} == {id_of(entry)}
    assert entry.attributes
    assert JobRef.of_argument(str(entry.attributes["handsoff.entry"])) == fit.ref


def test_a_span_has_no_query_and_no_path(scene: Scene, exporter: InMemorySpanExporter) -> None:
    """A path without a route, and the signature of a link, must not be sent to another program."""
    send(scene, "GET", "/v1/files/secret-path?signature=secret-query")
    (span,) = exporter.get_finished_spans()
    assert "secret" not in span.to_json()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_are_not_traced(scene: Scene, exporter: InMemorySpanExporter, path: str) -> None:
    """They come every few seconds."""
    send(scene, "GET", path)
    assert exporter.get_finished_spans() == ()


def test_an_entry_without_a_result_is_marked(
    exporter: InMemorySpanExporter, scene: Scene, signals: None
) -> None:
    """An entry that a stopping worker gives back has an error status, so that a search finds it."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    scene.machine.pulse.drain()
    Worker("fit", scene.machine).work(burst=True, max_jobs=1)
    assert by_name(exporter)["workers.fitting.fits.run"].status.status_code is StatusCode.ERROR


def test_a_stopping_app_sends_its_spans(scene: Scene) -> None:
    """A signal ends the app, so nothing runs at its exit. The processor itself would wait five seconds."""
    exporter = InMemorySpanExporter()
    spans = Spans(BatchSpanProcessor(exporter), "test")
    use_spans(spans)
    send(scene, "GET", "/v1/fits")
    use_spans(None)
    assert "GET /v1/fits" in by_name(exporter)
    spans.close()
