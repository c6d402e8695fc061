"""`/metrics` for Prometheus: the figures of this process, and the state of queues and workers, read from Redis."""

from collections import Counter
from collections.abc import Iterable, Iterator

import redis
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.http.requests import KNOWN_CALLER, ServicesDep
from app.services import Services
from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.kinds import QUEUE_NAMES
from state.process.metrics import REGISTRY

router = APIRouter(include_in_schema=False)


@router.get("/metrics", dependencies=[KNOWN_CALLER])
def read_metrics(services: ServicesDep) -> Response:
    """Answer in the text format of Prometheus. Without Redis, `handsoff_redis_up` is 0 and its gauges are missing.

    With API keys it needs one with the scope `read`: behind a proxy, every caller seems to be on this machine.
    """
    of_service = CollectorRegistry()
    of_service.register(ServiceState(services))
    return Response(
        generate_latest(REGISTRY) + generate_latest(of_service), media_type=CONTENT_TYPE_LATEST
    )


class ServiceState(Collector):
    """Gauges of the whole service. Every app process reports the same ones: use `max`, not `sum`, over processes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing: the registry must not collect when it adds this collector."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all gauges of this moment."""
        try:
            gauges = [*self._of_queues(), *self._of_reconcilers()]
        except redis.RedisError:
            gauges = []
        yield _gauge("redis_up", "Whether Redis answers.", float(bool(gauges)))
        yield from gauges

    def _of_queues(self) -> Iterator[GaugeMetricFamily]:
        ledger, settings = self._services.ledger, self._services.settings
        beats, fresh = ledger.workers(), ledger.fresh_workers(settings.heartbeat_fresh)
        states = Counter((beat.queue, beat.state) for beat in fresh)
        loads = {name: self._services.queueing.load(name) for name in QUEUE_NAMES}
        yield _gauge_by(
            "workers",
            "Workers with a fresh heartbeat.",
            ("queue", "state"),
            {(queue, state): count for (queue, state), count in states.items()},
        )
        yield _gauge_by(
            "heartbeat_age_seconds",
            "Age of the oldest heartbeat of the queue's workers, silent ones included.",
            ("queue",),
            _oldest_beats(beats),
        )
        yield _gauge_by(
            "queue_waiting",
            "Entries that wait for a worker.",
            ("queue",),
            {(name,): load.waiting for name, load in loads.items()},
        )
        yield _gauge_by(
            "queue_running",
            "Entries that a worker is running.",
            ("queue",),
            {(name,): load.running for name, load in loads.items()},
        )
        yield _gauge_by(
            "queue_backlog_seconds",
            "Predicted device time of the entries that wait, in all. Divide it by the number of workers.",
            ("queue",),
            {(name,): self._services.queueing.backlog_seconds(name) for name in QUEUE_NAMES},
        )
        yield _gauge_by(
            "queue_oldest_seconds",
            "How long the next entry to run has waited for a worker; 0 for an empty queue.",
            ("queue",),
            {(name,): load.oldest_seconds for name, load in loads.items()},
        )
        capacity = Counter(beat.queue for beat in fresh)
        yield _gauge_by(
            "queue_load",
            "(waiting + running) / workers; without workers, the number of entries. For autoscalers.",
            ("queue",),
            {
                (name,): (load.waiting + load.running) / max(1, capacity[name])
                for name, load in loads.items()
            },
        )

    def _of_reconcilers(self) -> Iterator[GaugeMetricFamily]:
        count = self._services.ledger.count_reconcilers(self._services.settings.reconciler_fresh)
        yield _gauge("reconcilers", "Reconcilers that did a step recently.", count)


def _oldest_beats(beats: Iterable[Heartbeat]) -> dict[tuple[str, ...], float]:
    ages: dict[tuple[str, ...], float] = {}
    for beat in beats:
        age = (now() - beat.at).total_seconds()
        ages[beat.queue,] = max(age, ages.get((beat.queue,), 0.0))
    return ages


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"handsoff_{name}", text, value=value)


def _gauge_by(
    name: str, text: str, labels: tuple[str, ...], values: dict[tuple[str, ...], float]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"handsoff_{name}", text, labels=labels)
    for key, value in values.items():
        gauge.add_metric(key, value)
    return gauge
