"""The figures that every process counts, for Prometheus. `REGISTRY` is what a process publishes.

Other rooms add their own figures to `REGISTRY`. Names begin with `handsoff_`; units are seconds and bytes.
"""

from prometheus_client import CollectorRegistry, Counter, GCCollector, PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()

for collector in (ProcessCollector, PlatformCollector, GCCollector):
    collector(registry=REGISTRY)

STORE_ERRORS = Counter(
    "handsoff_store_errors",
    "Calls of the object store that failed after their retries, by the type of the error.",
    ["error"],
    registry=REGISTRY,
)
REDIS_ERRORS = Counter(
    "handsoff_redis_errors",
    "Calls of Redis that failed after their retries, by the type of the error.",
    ["error"],
    registry=REGISTRY,
)
