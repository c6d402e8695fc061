"""`Idempotency-Key`: a repeated request creates one resource, even when Redis was lost in between.

The key reserves an id in the store before the resource is created, and the resource stores the key and the digest of
the body. The lock in Redis only separates two requests at the same moment.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from app.room import check_room
from app.services import Services
from contracts.base import Model, Timestamp, now
from contracts.digests import digest_of, sha256_of
from contracts.errors.conflicts import RequestInProgress
from contracts.errors.tree import IdempotencyMismatch
from contracts.ids import new_id, plural_of, prefix_of, uuid7_hex
from contracts.jobs import Idempotency
from state import keys, records
from state.leftovers.plan import plan_sweep


class Repeatable(Protocol):
    """A stored resource: it has the Idempotency-Key of the request that created it."""

    @property
    def idempotency(self) -> Idempotency | None: ...


T = TypeVar("T")
R = TypeVar("R", bound=Repeatable)

RESERVING = timedelta(minutes=1)
"""The lock's lifetime: how long a request that never ends blocks others with the same key."""


@dataclass(frozen=True)
class Draft(Generic[T]):
    """A resource that is checked, with everything resolved, and the function that stores it."""

    value: T
    store: Callable[[], object]


@dataclass(frozen=True)
class Created(Generic[T]):
    """The created resource. `is_replay`: an earlier request with the same key created it.

    `is_stored` is false if it was only validated.
    """

    value: T
    is_replay: bool
    is_stored: bool = True


class Reservation(Model):
    """`idempotency/{sha256 of the key}.json`: the id reserved for the request with this key."""

    id: str
    created_at: Timestamp


def idempotency_of(key: str | None, noun: keys.Noun, body: object) -> Idempotency | None:
    """Return the key and the digest of its body, a JSON value; None without a key."""
    return Idempotency(key=key, fingerprint=digest_of([noun, body])) if key is not None else None


def create_once(
    services: Services,
    tenant: str,
    prefix: str,
    idempotency: Idempotency | None,
    *,
    find: Callable[[str], R | None],
    make: Callable[[str], Draft[R]],
    lock_ttl: timedelta = RESERVING,
    validate_only: bool = False,
) -> Created[R]:
    """Store what `make` drafts under a new id, or return the resource that this key created before, which `find` finds.

    Every resource that a caller creates is created here, so the tenant's limits are checked here. With
    `validate_only` the draft is not stored, and no id is reserved.

    Raises `RequestInProgress` while another request with the key is processed, `IdempotencyMismatch` when the key
    was used for another body or kind of resource, `Unavailable` when the disk of the store is nearly full, and
    `redis.RedisError` when Redis does not respond; nothing is stored then. Also raises what the tenant's limits, `find`
    and `make` raise.
    """
    if validate_only:
        _check_limits(services, tenant, prefix)
        return Created(make(new_id(prefix)).value, is_replay=False, is_stored=False)
    with _reserve(services, tenant, prefix, idempotency, lock_ttl) as reserved_id:
        earlier = find(reserved_id)
        if earlier is not None:
            check_replay(earlier.idempotency, idempotency)
            return Created(earlier, is_replay=True)
        _check_limits(services, tenant, prefix)
        draft = make(reserved_id)
        new_prefix = keys.resource_prefix(tenant, plural_of(prefix), reserved_id)
        plan_sweep(services.ledger, new_prefix, is_over=False)  # of what a killed app leaves
        draft.store()
        return Created(draft.value, is_replay=False)


def _check_limits(services: Services, tenant: str, prefix: str) -> None:
    services.tenants.admit(tenant, prefix, store=services.store, ledger=services.ledger)
    check_room(services.store, services.settings)


@contextmanager
def _reserve(
    services: Services,
    tenant: str,
    prefix: str,
    idempotency: Idempotency | None,
    lock_ttl: timedelta,
) -> Iterator[str]:
    """Yield the id of the resource to create: the one that the key reserved before, else a new one."""
    if idempotency is None:
        # Without Redis the job could not be queued, so fail before anything is stored.
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


def check_replay(stored: Idempotency | None, requested: Idempotency | None) -> None:
    """Raise `IdempotencyMismatch` if the stored resource was created from another body."""
    if stored is not None and stored != requested:
        raise _mismatch(stored.key)


def _reserved_id(services: Services, tenant: str, prefix: str, idempotency: Idempotency) -> str:
    key = keys.idempotency(tenant, idempotency.key)
    reservation = records.read_intact(services.store, key, Reservation)
    # An expired key may be used for a new request.
    if reservation is None or now() - reservation.created_at > services.settings.idempotency_ttl:
        reservation = Reservation(id=new_id(prefix), created_at=now())
        records.write(services.store, key, reservation)
    if prefix_of(reservation.id) != prefix:
        raise _mismatch(idempotency.key)
    return reservation.id


def _mismatch(key: str) -> IdempotencyMismatch:
    return IdempotencyMismatch(
        f"Idempotency-Key '{key}' was already used for a different request. Use a new key for a new request."
    )
