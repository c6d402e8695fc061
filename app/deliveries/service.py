"""Orders the delivery of batches to addresses of their callers. Knows no HTTP.

The reconciler's process delivers (`workers/delivering`). What it needs is stored apart from the request of the batch.
"""

import redis
import structlog

from app.jobs import service as jobs
from app.services import Services
from contracts.accounts.delivery import DeliveryProgress, Destination, UrlDestination
from contracts.batches import BatchManifest, BatchRequest
from contracts.errors.conflicts import NotRendered
from contracts.errors.tree import InvalidRequest, NotFound
from contracts.jobs import JobRef, JobStatus
from state.delivering import orders
from state.delivering.orders import StoredDelivery

log = structlog.get_logger()

POINTER = "/deliver_to"


def check(destination: Destination, num_shards: int) -> None:
    """Raise `InvalidRequest` if there is not one address for each shard."""
    if isinstance(destination, UrlDestination) and len(destination.shards) != num_shards:
        detail = (
            f"Expected {num_shards} addresses, one for each shard, got {len(destination.shards)}. Presign one for each,"
            " or choose larger shards."
        )
        raise InvalidRequest.at(f"{POINTER}/shards", detail)


def find(services: Services, ref: JobRef) -> StoredDelivery:
    """Return the newest delivery of a batch. Raises `NotFound` without one, or `Gone` with the batch."""
    jobs.find(services, ref)
    delivery = orders.newest(services.store, ref)
    if delivery is None:
        raise NotFound("delivery", ref.id)
    return delivery


def deliver(services: Services, ref: JobRef, destination: Destination | None) -> DeliveryProgress:
    """Order the delivery of a batch that has succeeded, from its first file on.

    Without a destination, it is that of the last delivery. Raises `NotFound`, `Gone`, `NotRendered`, or
    `InvalidRequest` without a destination that is still known.
    """
    state = jobs.find(services, ref)
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, BatchRequest)
    if not isinstance(manifest, BatchManifest) or manifest.status is not JobStatus.SUCCEEDED:
        raise NotRendered(ref.id, state.status)
    destination = destination or _last(services, ref)
    check(destination, request.num_shards)
    orders.order(services.store, ref, destination)
    try:
        orders.wake(services.ledger, ref)
    except redis.RedisError as error:
        log.warning("the delivery is found a little later", batch=str(ref), error=str(error))
    return find(services, ref).progress


def _last(services: Services, ref: JobRef) -> Destination:
    last = orders.newest(services.store, ref)
    if last is None or last.order is None:
        detail = (
            "Expected addresses, because the batch has no delivery that has not ended. Its addresses are forgotten once"
            " everything is delivered. Send 'deliver_to'."
        )
        raise InvalidRequest.at(POINTER, detail)
    return last.order.destination
