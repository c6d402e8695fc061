"""Orders the delivery of batches, and reads what became of them."""

from dataclasses import dataclass

from contracts.accounts.delivery import DeliveryOrder, DeliveryProgress, DeliveryTarget, Destination
from contracts.base import now
from contracts.ids import uuid7_hex
from contracts.jobs import JobRef
from state import records, redis_keys
from state.delivering import paths
from state.ledger import Ledger
from state.store import Store

MAX_WOKEN = 10_000


@dataclass(frozen=True)
class StoredDelivery:
    """The newest delivery of a batch. `order` is None once everything is delivered."""

    order_id: str
    order: DeliveryOrder | None
    progress: DeliveryProgress


def target_of(destination: Destination) -> DeliveryTarget:
    """Return what may be shown of a destination."""
    return DeliveryTarget(kind=destination.kind, host=destination.host)


def order(store: Store, ref: JobRef, destination: Destination) -> None:
    """Store the order of a delivery.

    The mark comes first: an order without one would never be looked at. It comes again at the end, because the process
    that delivers may have taken the first one for that of an earlier order.
    """
    store.put(paths.mark(ref), b"")
    placed = DeliveryOrder(destination=destination, ordered_at=now())
    records.write(store, paths.order(ref, uuid7_hex()), placed)
    store.put(paths.mark(ref), b"")


def newest(store: Store, ref: JobRef) -> StoredDelivery | None:
    """Return the newest delivery of a batch, or None without one. Raises `RecordDamaged`."""
    ids = store.children(paths.deliveries(ref))
    if not ids:
        return None
    order_id = ids[-1]
    placed = records.read(store, paths.order(ref, order_id), DeliveryOrder)
    progress = records.read(store, paths.progress(ref, order_id), DeliveryProgress)
    if progress is None:
        if placed is None:
            return None
        progress = DeliveryProgress(target=target_of(placed.destination), status="waiting")
    return StoredDelivery(order_id, placed, progress)


def wake(ledger: Ledger, ref: JobRef) -> None:
    """Wake the process that delivers. Without Redis it finds the work in a minute. Raises `redis.RedisError`."""
    ledger.redis.rpush(redis_keys.DELIVERIES, str(ref))
    ledger.redis.ltrim(redis_keys.DELIVERIES, -MAX_WOKEN, -1)
