"""Reads and writes the limits of tenants in the store. Each change is a new object, and the newest one is valid."""

from collections.abc import Mapping
from contextlib import suppress

from contracts.access.tenants import TenantLimits, TenantRecord
from contracts.base import now
from contracts.errors.tree import StoreUnavailable
from contracts.ids import uuid7_hex
from state import records
from state.access import paths
from state.admission.parts import Part
from state.store import Store

NO_LIMITS = TenantLimits()


def set_limits(store: Store, tenant: str, limits: TenantLimits) -> TenantRecord:
    """Store the limits of a tenant instead of all earlier ones."""
    record = TenantRecord(tenant=tenant, limits=limits, changed_at=now())
    key = paths.tenant_limits(tenant, uuid7_hex())
    records.write(store, key, record)
    with suppress(StoreUnavailable):  # older ones are not read any more
        for info in list(store.list(f"{paths.TENANTS}/{tenant}")):
            if info.key < key:
                store.delete(info.key)
    return record


def part_of(limits: TenantLimits) -> Part:
    """Return a tenant's part of the workers."""
    return Part(limits.weight, limits.seconds_in_workers, limits.jobs_in_workers)


class LimitReader:
    """Reads the limits of all tenants. It remembers the records: a later read is one listing, if nothing is new.

    `read_before` is the result of the last reading.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, TenantRecord] = {}
        self.read_before: Mapping[str, TenantRecord] = {}

    def read(self) -> Mapping[str, TenantRecord]:
        """Return the newest record of each tenant. A damaged one is left out, so that an older one is valid."""
        found: dict[str, TenantRecord] = {}
        for key in sorted(info.key for info in self._store.list(paths.TENANTS)):
            record = self._known.get(key) or records.read_intact(self._store, key, TenantRecord)
            if record is not None:
                found[key] = record
        self._known = found
        self.read_before = {paths.tenant_of_limits(key): one for key, one in found.items()}
        return self.read_before
