"""Erases a tenant: its keys end, and everything below its prefix is deleted.

access/erased/{tenant}.json    A  since when; while it is stored, the reconciler deletes whatever is below the prefix

Workers may still write results of the tenant. So the mark stays, and each round deletes again.
"""

from contextlib import suppress

import redis

from contracts.base import Model, Timestamp, now
from contracts.ids import DEFAULT_TENANT
from state import keys, records, redis_keys
from state.access import key_records, paths
from state.access.key_records import KeyReader
from state.ledger import Ledger
from state.store import Store

ERASED = "access/erased"


class Erasure(Model):
    """The mark of a tenant that is erased."""

    erased_at: Timestamp


def erase(store: Store, tenant: str) -> None:
    """Revoke the keys of a tenant, mark it, and delete what it has. Safe to repeat.

    Raises `ValueError` for the default tenant: it owns the built-in generators.
    """
    if tenant == DEFAULT_TENANT:
        raise ValueError(
            f"expected another tenant than '{DEFAULT_TENANT}', which owns the built-in generators"
        )
    for stored in KeyReader(store).read().values():
        if stored.key.tenant == tenant and not stored.is_revoked:
            key_records.revoke(store, stored.key.id)
    records.create(store, _mark(tenant), Erasure(erased_at=now()))
    delete_objects(store, tenant)


def is_erased(store: Store, tenant: str) -> bool:
    """Return whether a tenant is erased."""
    return store.head(_mark(tenant)) is not None


def erased_tenants(store: Store) -> set[str]:
    """Return the tenants that are erased."""
    names = (info.key.rpartition("/")[2] for info in store.list(ERASED))
    return {name.removesuffix(".json") for name in names}


def delete_objects(store: Store, tenant: str) -> int:
    """Delete all objects and limits of a tenant. Returns their number."""
    found = [info.key for info in store.list(keys.tenant_prefix(tenant))]
    found += [info.key for info in store.list(f"{paths.TENANTS}/{tenant}")]
    for key in found:
        store.delete(key)
    store.discard_unfinished(keys.tenant_prefix(tenant))
    return len(found)


def forget(ledger: Ledger, tenant: str) -> None:
    """Remove the lists and live data of a tenant from Redis. Waiting entries end when they are handed over."""
    with suppress(redis.RedisError):  # the next round repeats it
        lists = ("index", "index-whole", "index-statuses", "deleted", "requests")
        patterns = [f"handsoff:{name}:{tenant}:*" for name in lists]
        patterns += [f"handsoff:*:{tenant}/*", redis_keys.kept_streams(tenant)]
        patterns += [f"{redis_keys.lock('*')}:{tenant}", f"{redis_keys.lock('*')}:{tenant}:*"]
        for pattern in patterns:
            for key in list(ledger.redis.scan_iter(match=pattern, count=1_000)):
                ledger.redis.delete(key)
        ledger.redis.hdel(redis_keys.TENANT_PARTS, tenant)


def _mark(tenant: str) -> str:
    return f"{ERASED}/{tenant}.json"
