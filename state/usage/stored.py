"""Measures what each tenant has in the store. One listing of all its objects, so it is done from time to time."""

from contracts.accounts.usage import StoredBytes
from contracts.base import now
from state import keys, records
from state.store import Store
from state.usage import paths


def measure(store: Store, tenant: str) -> StoredBytes:
    """Measure the bytes of a tenant, and store the result."""
    num_bytes = num_objects = 0
    for info in store.list(keys.tenant_prefix(tenant)):
        num_bytes += info.num_bytes
        num_objects += 1
    measured = StoredBytes(num_bytes=num_bytes, num_objects=num_objects, measured_at=now())
    records.write(store, paths.stored(tenant), measured)
    return measured


def read_stored(store: Store, tenant: str) -> StoredBytes | None:
    """Return the last measurement, or None before the first one."""
    return records.read_intact(store, paths.stored(tenant), StoredBytes)
