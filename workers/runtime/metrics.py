"""The figures of a worker for Prometheus, and the port that publishes them."""

from prometheus_client import Counter, Histogram, start_http_server

from state.process.metrics import REGISTRY
from state.settings import Settings

JOBS = Counter(
    "handsoff_jobs",
    "Jobs that this worker has ended, by kind and final status.",
    ["kind", "status"],
    registry=REGISTRY,
)
STAGE_SECONDS = Histogram(
    "handsoff_stage_seconds",
    "Time that a job spent in one of its stages.",
    ["kind", "stage"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000),
    registry=REGISTRY,
)
SAMPLES = Counter(
    "handsoff_samples",
    "Pairs in finished shards. Their rate is pairs per second.",
    registry=REGISTRY,
)
CANDIDATES = Counter(
    "handsoff_candidates",
    "Rendered candidates of finished shards. Samples / candidates is the acceptance.",
    registry=REGISTRY,
)
OUT_OF_MEMORY = Counter(
    "handsoff_out_of_memory",
    "Micro-batches that did not fit the device and were halved or failed, by the work.",
    ["work"],
    registry=REGISTRY,
)


def publish(settings: Settings) -> None:
    """Serve the figures under `/metrics` on `metrics_port`, on a thread. Without a port, do nothing.

    Raises `OSError` when the port is in use: several workers on one machine need one port each.
    """
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, settings.metrics_host, REGISTRY)
