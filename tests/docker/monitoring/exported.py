"""The names that the app and a worker export, with their labels. They are read from the code that counts."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from app.health.metrics import ServiceState
from app.http import request_ids
from state.process import metrics as of_all
from state.process.metrics import REGISTRY
from workers.runtime import metrics as of_workers

Labels = dict[str, frozenset[str]]
"""The labels of each name."""

_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gauge": ("",),
}


def exported(services: Any) -> Labels:
    """Return the labels of every exported name. `services` is the app's state; its Redis must answer."""
    labels = {
        sample.name: frozenset(sample.labels)
        for family in REGISTRY.collect()
        for sample in family.samples
    }
    for module in (of_all, request_ids, of_workers):
        labels |= dict(_of_module(module))
    gauges = _families(ServiceState(services))
    return labels | {name: frozenset(names) for name, names in gauges}


def _of_module(module: ModuleType) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what a module counts, also if it has counted nothing yet."""
    for counter in vars(module).values():
        if isinstance(counter, MetricWrapperBase):
            (family,) = counter.describe()
            for suffix in _SUFFIXES[family.type]:
                bounds = {"le"} if suffix == "_bucket" else set()
                yield family.name + suffix, frozenset({*counter._labelnames, *bounds})


def _families(collector: Collector) -> Iterator[tuple[str, tuple[str, ...]]]:
    for family in collector.collect():
        yield family.name, tuple(getattr(family, "_labelnames"))  # noqa: B009 - no public name
