"""The upkeep of one tenant in a round of the reconciler: uploads, leftovers, streams, usage and stored bytes."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import structlog

from contracts.streams import StreamRef
from state.access import erasure
from state.access.tenant_records import LimitReader, part_of
from state.admission import parts
from state.estimates.rates import rates
from state.stream_readers import StreamReaders
from state.usage.notes import day_of, fold
from state.usage.stored import measure
from workers.importing.uploads import discard_used
from workers.rendering import streams
from workers.runtime.machine import Machine
from workers.upkeep import leftovers, retention

log = structlog.get_logger()

SWEEP_INTERVAL = timedelta(minutes=1)
"""A sweep lists all shards of the streams that have some, and a bucket charges for listing."""
FOLD_INTERVAL = timedelta(minutes=1)
_LATE = timedelta(minutes=10)
"""How long after midnight the day before gets notes: of workers that began before it."""
EXPIRY_INTERVAL = timedelta(minutes=5)
"""A sweep lists the marks of jobs that expire."""
MEASURE_INTERVAL = timedelta(hours=1)
"""A measurement lists all objects of a tenant."""
LIMITED_MEASURE_INTERVAL = timedelta(minutes=10)
"""Of a tenant with a limit of stored bytes."""

Surviving = Callable[[str], AbstractContextManager[None]]


class TenantUpkeep:
    """The upkeep of all tenants. `owner` is the name of the reconciler, for locks."""

    def __init__(self, machine: Machine, owner: str) -> None:
        self._machine = machine
        self._owner = owner
        self._limits = LimitReader(machine.store)
        self._erased: set[str] = set()
        self.measuring: threading.Thread | None = None

    def publish_parts(self) -> None:
        """Copy the weights and limits of tenants from the store to the admission, and learn which are erased."""
        self._erased = erasure.erased_tenants(self._machine.store)
        found = self._limits.read()
        published = {tenant: part_of(record.limits) for tenant, record in found.items()}
        parts.publish(self._machine.ledger, published)

    def names(self) -> list[str]:
        """Return the tenants with objects, and those with limits: a first job must find complete lists."""
        limited = self._limits.read_before.keys() - self._erased
        return sorted({*self._machine.store.children("tenants"), *limited})

    def fold_rates(self) -> None:
        """Add what finished jobs have cost to the rates, once per interval in one reconciler."""
        if self._machine.ledger.try_lock("rates", self._owner, FOLD_INTERVAL):
            rates(self._machine.store).fold()

    def round(self, tenant: str, checked_at: datetime, surviving: Surviving) -> None:
        """Do each step, whatever the others do. Of an erased tenant, delete the rest."""
        if tenant in self._erased:
            with surviving("erased tenant"):
                erasure.delete_objects(self._machine.store, tenant)
                erasure.forget(self._machine.ledger, tenant)
            return
        with surviving("uploads"):
            discard_used(self._machine, tenant)
        with surviving("leftovers"):
            leftovers.sweep(self._machine, tenant, self._owner, checked_at)
        with surviving("streams"):
            self._sweep_streams(tenant, surviving)
        with surviving("expired jobs"):
            if self._is_due("expiry", tenant, EXPIRY_INTERVAL):
                retention.sweep(self._machine, tenant, checked_at)
        with surviving("usage"):
            self._fold_usage(tenant, checked_at)
            self._measure(tenant)

    def _is_due(self, name: str, tenant: str, interval: timedelta) -> bool:
        return self._machine.ledger.try_lock(f"{name}:{tenant}", self._owner, interval)

    def _sweep_streams(self, tenant: str, surviving: Surviving) -> None:
        if not self._is_due("sweep", tenant, SWEEP_INTERVAL):
            return
        for stream_id in StreamReaders(self._machine.ledger).kept_streams(tenant):
            with surviving(f"stream {stream_id[:100]}"):
                streams.sweep(self._machine, StreamRef(tenant=tenant, id=stream_id))

    def _fold_usage(self, tenant: str, checked_at: datetime) -> None:
        """Fold the notes of this day, and shortly after midnight those of the day before."""
        if self._is_due("usage", tenant, FOLD_INTERVAL):
            for day in sorted({day_of(checked_at - _LATE), day_of(checked_at)}):
                fold(self._machine.store, tenant, day)

    def _measure(self, tenant: str) -> None:
        """Measure the stored bytes in a thread: the listing of a large bucket takes minutes, and repairs must not wait.

        A process measures one tenant at a time. The next round tries again.
        """
        record = self._limits.read_before.get(tenant)
        is_limited = record is not None and record.limits.stored_bytes is not None
        interval = LIMITED_MEASURE_INTERVAL if is_limited else MEASURE_INTERVAL
        is_busy = self.measuring is not None and self.measuring.is_alive()
        if not is_busy and self._is_due("stored-bytes", tenant, interval):
            self.measuring = threading.Thread(
                target=self._measure_now, args=(tenant,), name="stored-bytes", daemon=True
            )
            self.measuring.start()

    def _measure_now(self, tenant: str) -> None:
        try:
            measure(self._machine.store, tenant)
        except Exception:  # the next one may succeed
            log.exception("stored bytes not measured", tenant=tenant)
