"""Creates, lists and deletes streams, and queues the shards that readers need. Knows no HTTP.

Only a reader's request queues shards; a create queues nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import redis
import structlog

from app import on_demand, recipes
from app.access.quotas import Work
from app.http.idempotency import Created, Draft, create_once, idempotency_of
from app.http.paging import Page, read_page
from app.http.request_ids import current_origin
from app.services import Services
from app.streams.checks import checked_steering
from app.streams.schemas import StreamCreate
from contracts.base import now
from contracts.batches import ShardRecord
from contracts.errors.tree import Gone, InvalidRequest, NotFound, RecordDamaged
from contracts.jobs import Idempotency
from contracts.streams import StreamRef, StreamRequest, StreamShardRef, shards_ahead
from state import keys, records
from state.admission.costs import Cost
from state.leftovers.plan import plan_sweep
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import OnDemandLedger
from state.planning import needs_pilot, shard_cost
from state.stream_readers import StreamReaders

log = structlog.get_logger()

T = TypeVar("T")


def create(
    services: Services,
    tenant: str,
    body: StreamCreate,
    key: str | None,
    *,
    validate_only: bool = False,
) -> Created[StreamRequest]:
    """Create a stream, or return the one of the Idempotency-Key. Raises `InvalidRequest` or `FitNotReady`."""
    idempotency = idempotency_of(key, "streams", body.for_fingerprint())

    def find_existing(stream_id: str) -> StreamRequest | None:
        with suppress(NotFound):
            return find(services, StreamRef(tenant=tenant, id=stream_id))
        return None

    def make(stream_id: str) -> Draft[StreamRequest]:
        ref = StreamRef(tenant=tenant, id=stream_id)
        request = _resolve(services, ref, body, idempotency)
        return Draft(request, partial(_store, services, request))

    return create_once(
        services,
        tenant,
        "stream",
        idempotency,
        find=find_existing,
        make=make,
        validate_only=validate_only,
    )


def _store(services: Services, request: StreamRequest) -> None:
    records.create(services.store, keys.stream_request(request.ref), request)
    try:
        services.ledger.index_add(request.tenant, "streams", [request.id])
    except redis.RedisError as error:  # the stream exists; only the list does not have it
        log.warning("stored but not listed", stream=str(request.ref), error=str(error))


def find(services: Services, ref: StreamRef) -> StreamRequest:
    """Return a stream. Raises `NotFound`, or `Gone` when it was deleted."""
    request = records.read(services.store, keys.stream_request(ref), StreamRequest)
    if request is None:
        raise _absence(services, ref)
    return request


def list_page(
    services: Services,
    tenant: str,
    *,
    limit: int,
    after: str | None,
    show: Callable[[StreamRequest], T],
) -> Page[T]:
    """Return a page of the tenant's streams, newest first."""

    def load(stream_id: str) -> T | None:
        ref = StreamRef(tenant=tenant, id=stream_id)
        request = records.read(services.store, keys.stream_request(ref), StreamRequest)
        return show(request) if request is not None else None

    return read_page(services, tenant, "streams", limit=limit, after=after, load=load)


def delete(services: Services, ref: StreamRef) -> None:
    """Delete a stream and its shards; a tombstone stays. Deleting twice changes nothing."""
    with suppress(Gone, RecordDamaged):
        find(services, ref)
    plan_sweep(services.ledger, keys.stream_prefix(ref), is_over=True)
    records.delete_objects(
        services.store,
        keys.stream_prefix(ref),
        tombstone_key=keys.stream_tombstone(ref),
        first=keys.stream_request(ref),
    )
    StreamReaders(services.ledger).forget(ref)
    OnDemandLedger(services.ledger).forget(str(ref))
    services.ledger.index_remove(ref.tenant, "streams", ref.id)


def check_shard(request: StreamRequest, index: int) -> None:
    """Raise `InvalidRequest` for a shard past the last one."""
    if index >= request.num_shards:
        detail = (
            f"expected a shard from 0 to {request.num_shards - 1} of '{request.id}' ({request.shard_size} samples"
            f" each), got {index}; create a stream with another seed for more samples."
        )
        raise InvalidRequest.at("shard", detail)


def request_shard(services: Services, request: StreamRequest, index: int) -> ShardRecord | None:
    """Return the record of a shard, or None after queueing the shard among those that callers wait for.

    Also queues the next shards. Raises `ShardFailed`, `QuotaExceeded` for a shard that is not rendered, `Gone` when the
    stream was deleted, and `redis.RedisError` when the shard is not rendered and Redis does not answer. A rendered
    shard needs no Redis.
    """
    services.tenants.check(request.tenant)  # an endless tar may outlive the tenant's permission
    shard = StreamShardRef(stream=request.ref, index=index)
    record = on_demand.find(services, STREAM_SHARDS, shard)
    if record is not None:
        with suppress(redis.RedisError):
            _note_request(services, shard)
            _look_ahead(services, request, index)
        return record
    if services.store.head(keys.stream_tombstone(request.ref)) is not None:
        raise Gone("stream", request.id)
    work = Work(pairs=request.shard_size)
    services.tenants.admit_work(request.tenant, work, services.store)
    _note_request(services, shard)
    on_demand.require(services, STREAM_SHARDS, shard, _cost(services, request))
    _look_ahead(services, request, index)
    return None


def _note_request(services: Services, shard: StreamShardRef) -> None:
    idle = services.settings.stream_idle
    StreamReaders(services.ledger).note_request(shard.stream, shard.index, idle)


def _look_ahead(services: Services, request: StreamRequest, index: int) -> None:
    """Queue the next shards behind those that callers wait for.

    Queues none before the filter's pilot is measured: otherwise each shard would measure it.
    """
    claims = OnDemandLedger(services.ledger).claims(str(request.ref))
    ahead = shards_ahead(
        index,
        request.num_shards,
        window=services.settings.stream_look_ahead,
        claimed=[int(name) for name in claims],
    )
    if not ahead or needs_pilot(services.store, request):
        return
    for other in ahead:
        shard = StreamShardRef(stream=request.ref, index=other)
        is_made = on_demand.exists(services, STREAM_SHARDS, shard)
        if not is_made and not on_demand.has_failed(services, STREAM_SHARDS, shard):
            on_demand.queue(services, STREAM_SHARDS, shard, "ahead", _cost(services, request))


def _cost(services: Services, request: StreamRequest) -> Cost:
    return shard_cost(services.queueing.admission.costs, request)


def _resolve(
    services: Services, ref: StreamRef, body: StreamCreate, idempotency: Idempotency | None
) -> StreamRequest:
    """Return the request with everything resolved. Raises `InvalidRequest` or `FitNotReady`."""
    return StreamRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        origin=current_origin(),
        **recipes.pin(services, ref.tenant, body),
        steering=checked_steering(services, ref.tenant, body),
    )


def _absence(services: Services, ref: StreamRef) -> Exception:
    if services.store.head(keys.stream_tombstone(ref)) is not None:
        return Gone("stream", ref.id)
    return NotFound("stream", ref.id)
