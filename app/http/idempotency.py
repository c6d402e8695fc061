"""`Idempotency-Key`: the same request twice makes one thing, even when Redis was lost in between.

The key reserves an id in the store before anything is made under it, and what is made keeps the key and the digest of
its body. A lock in Redis only keeps two at the same moment apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from app.services import Services
from contracts.base import Model, Timestamp, now
from contracts.digests import digest_of, sha256_of
from contracts.errors.conflicts import RequestInProgress
from contracts.errors.tree import IdempotencyMismatch
from contracts.ids import new_id, prefix_of, uuid7_hex
from contracts.jobs import Idempotency
from state import keys, records

T = TypeVar("T")

RESERVING = timedelta(minutes=1)
"""How long another request with the same key is kept out, should the one that is served never end."""


@dataclass(frozen=True)
class Created(Generic[T]):
    """What a create made, or what an earlier request with the same key had made."""

    value: T
    is_replay: bool


class Reservation(Model):
    """`idempotency/{sha256 of the key}.json`: the id that the key's request makes, or made."""

    id: str
    created_at: Timestamp


def idempotency_of(key: str | None, noun: keys.Noun, body: object) -> Idempotency | None:
    """The key and the digest of what it came with; None without a key. `body` is a JSON value."""
    return Idempotency(key=key, fingerprint=digest_of([noun, body])) if key is not None else None


@contextmanager
def reserve(
    services: Services,
    tenant: str,
    prefix: str,
    idempotency: Idempotency | None,
    *,
    lock_ttl: timedelta = RESERVING,
) -> Iterator[str]:
    """The id to make a thing under: the one that the key reserved before, else a new one.

    Raises `RequestInProgress` while another request with the key is served, `IdempotencyMismatch` when the key made
    another kind of thing, and `redis.RedisError` when Redis is away: then nothing has been stored.
    """
    if idempotency is None:
        services.ledger.ping()
        yield new_id(prefix)
        return
    name = f"idempotency:{tenant}:{sha256_of(idempotency.key.encode())}"
    owner = uuid7_hex()
    if not services.ledger.try_lock(name, owner, lock_ttl):
        raise RequestInProgress(idempotency.key)
    try:
        yield _reserved_id(services, tenant, prefix, idempotency)
    finally:
        services.ledger.unlock(name, owner)


def check_replay(standing: Idempotency | None, idempotency: Idempotency | None) -> None:
    """Raises `IdempotencyMismatch` when what stands was made from another body."""
    if standing is not None and standing != idempotency:
        raise _mismatch(standing.key)


def _reserved_id(services: Services, tenant: str, prefix: str, idempotency: Idempotency) -> str:
    key = keys.idempotency(tenant, idempotency.key)
    standing = records.read(services.store, key, Reservation)
    if standing is None or now() - standing.created_at > services.settings.idempotency_ttl:
        standing = Reservation(id=new_id(prefix), created_at=now())
        records.write(services.store, key, standing)
    if prefix_of(standing.id) != prefix:
        raise _mismatch(idempotency.key)
    return standing.id


def _mismatch(key: str) -> IdempotencyMismatch:
    return IdempotencyMismatch(
        f"Idempotency-Key '{key}' came before with another request. Use a new key for a new request."
    )
