"""Decides whether a stream can be made of what was sent, and which shards are rendered for its readers.

Knows no HTTP. Nobody but a reader has anything rendered: making a stream queues nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import redis
import structlog

from app import recipes
from app.http.idempotency import Created, check_replay, idempotency_of, reserve
from app.http.paging import Page, read_page
from app.services import Services
from app.streams.schemas import StreamCreate
from contracts.base import now
from contracts.batches import ShardRecord
from contracts.errors.tree import Gone, InvalidRequest, NotFound, ShardFailed
from contracts.jobs import Idempotency
from contracts.streams import StreamRef, StreamRequest, StreamShardRef, shards_ahead
from state import keys, records
from state.planning import needs_pilot
from state.queues import stream_call
from state.stream_ledger import StreamLedger

log = structlog.get_logger()

T = TypeVar("T")


def create(
    services: Services, tenant: str, body: StreamCreate, key: str | None
) -> Created[StreamRequest]:
    """Makes a stream, or finds the one that this Idempotency-Key has made."""
    idempotency = idempotency_of(key, "streams", body.model_dump(mode="json"))
    with reserve(services, tenant, "stream", idempotency) as stream_id:
        ref = StreamRef(tenant=tenant, id=stream_id)
        with suppress(NotFound):
            standing = find(services, ref)
            check_replay(standing.idempotency, idempotency)
            return Created(standing, is_replay=True)
        request = _resolve(services, ref, body, idempotency)
        records.create(services.store, keys.stream_request(ref), request)
        try:
            services.ledger.index_add(tenant, "streams", [ref.id])
        except redis.RedisError as error:  # the stream is there all the same
            log.warning("stored but not listed", stream=str(ref), error=str(error))
        return Created(request, is_replay=False)


def find(services: Services, ref: StreamRef) -> StreamRequest:
    """The stream. Raises `NotFound`, or `Gone` when it was deleted."""
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
    """A page of the tenant's streams, newest first."""

    def load(stream_id: str) -> T | None:
        ref = StreamRef(tenant=tenant, id=stream_id)
        found = records.read(services.store, keys.stream_request(ref), StreamRequest)
        return show(found) if found is not None else None

    return read_page(services, tenant, "streams", limit=limit, after=after, load=load)


def delete(services: Services, ref: StreamRef) -> None:
    """Erases a stream and its shards; its tombstone stays. Deleting twice changes nothing."""
    with suppress(Gone):
        find(services, ref)
    records.delete_objects(
        services.store,
        keys.stream_prefix(ref),
        tombstone_key=keys.stream_tombstone(ref),
        first=keys.stream_request(ref),
    )
    StreamLedger(services.ledger).forget(ref)
    services.ledger.index_remove(ref.tenant, "streams", ref.id)


def check_shard(request: StreamRequest, index: int) -> None:
    """Raises `InvalidRequest` for a shard past the last one."""
    if index >= request.num_shards:
        detail = (
            f"Shard {index} was asked for; with {request.shard_size} samples in each, the last shard of"
            f" '{request.id}' is {request.num_shards - 1}. Another seed has as many again."
        )
        raise InvalidRequest.at("shard", detail)


def ask(services: Services, request: StreamRequest, index: int) -> ShardRecord | None:
    """The shard's record, or None: then it is rendered before all that nobody waits for. Those after it follow.

    Raises `ShardFailed`, `Gone` when the stream was deleted meanwhile, and `redis.RedisError` when Redis is away and
    the shard is not there; one that is there needs no Redis.
    """
    ref = request.ref
    record = records.read(services.store, keys.shard_record(ref, index), ShardRecord)
    if record is not None:
        with suppress(redis.RedisError):
            _note(services, ref, index)
            _look_ahead(services, request, index)
        return record
    if services.store.head(keys.stream_tombstone(ref)) is not None:
        raise Gone("stream", ref.id)
    _note(services, ref, index)
    _have_rendered(services, ref, index)
    _look_ahead(services, request, index)
    return None


def _note(services: Services, ref: StreamRef, index: int) -> None:
    StreamLedger(services.ledger).asked(ref, index, services.settings.stream_idle)


def _have_rendered(services: Services, ref: StreamRef, index: int) -> None:
    """Queues the shard unless it is under way, and lets it overtake what nobody waits for."""
    ledger = StreamLedger(services.ledger)
    failure = ledger.failure(ref, index)
    if failure is not None:
        raise ShardFailed(ref.id, index, failure.code, failure.detail)
    _queue(services, ref, index)
    claim = ledger.claims(ref).get(index)
    if claim is not None:
        ledger.put_first(claim.rq_id)


def _look_ahead(services: Services, request: StreamRequest, index: int) -> None:
    """Queues the next shards behind everything else. Not before the filter's pilot: each would measure it anew."""
    ref, ledger = request.ref, StreamLedger(services.ledger)
    window = services.settings.stream_look_ahead
    ahead = shards_ahead(
        index, request.num_shards, window=window, claimed=ledger.claims(ref).keys()
    )
    if not ahead or needs_pilot(services.store, request):
        return
    for other in ahead:
        if not _is_there(services, ref, other) and ledger.failure(ref, other) is None:
            _queue(services, ref, other)


def _queue(services: Services, ref: StreamRef, index: int) -> None:
    """Queues a shard unless somebody has: a claim in Redis keeps two readers from having it rendered twice."""
    ledger = StreamLedger(services.ledger)
    if index in ledger.claims(ref):
        return
    call = stream_call(StreamShardRef(stream=ref, index=index), ledger.next_number(ref))
    if not ledger.claim(ref, index, call.rq_id):
        return
    if _is_there(services, ref, index):  # rendered and released since the caller looked
        ledger.release(ref, index)
    else:
        services.queueing.put(call)


def _is_there(services: Services, ref: StreamRef, index: int) -> bool:
    return services.store.head(keys.shard_record(ref, index)) is not None


def _resolve(
    services: Services, ref: StreamRef, body: StreamCreate, idempotency: Idempotency | None
) -> StreamRequest:
    """The request as its shards will be rendered. Raises `InvalidRequest` or `FitNotReady`."""
    return StreamRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        **recipes.pin(services, ref.tenant, body),
    )


def _absence(services: Services, ref: StreamRef) -> Exception:
    if services.store.head(keys.stream_tombstone(ref)) is not None:
        return Gone("stream", ref.id)
    return NotFound("stream", ref.id)
