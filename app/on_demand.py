"""Items made on demand, on the app's side: find an item's record, queue the item once, wait for it. Knows no HTTP.

`ItemKind` (`state/on_demand/kinds.py`) says what an item is. A worker makes it (`workers/runtime/on_demand.py`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from fastapi.concurrency import run_in_threadpool

from app.services import Services
from state import records, redis_keys
from state.admission.admission import Level
from state.admission.costs import Cost
from state.on_demand.kinds import ItemKind, Record, Ref
from state.on_demand.ledger import OnDemandLedger

MAX_WAIT_SECONDS = 30
"""The longest wait that a request may ask for."""


def find(services: Services, kind: ItemKind[Ref, Record], ref: Ref) -> Record | None:
    """Return the item's record, or None: a damaged one is made again. Needs no Redis."""
    return records.read_intact(services.store, kind.record_key(ref), kind.record_type)


def exists(services: Services, kind: ItemKind[Ref, Record], ref: Ref) -> bool:
    """Return whether the item is made."""
    return find(services, kind, ref) is not None


def has_failed(services: Services, kind: ItemKind[Ref, Record], ref: Ref) -> bool:
    """Return whether the item has a failure that is still reported. May raise `redis.RedisError`."""
    return OnDemandLedger(services.ledger).failure(kind.item(ref)) is not None


def require(
    services: Services, kind: ItemKind[Ref, Record], ref: Ref, cost: Cost | None = None
) -> None:
    """Queue an item that is not made, for a caller who waits.

    Raises the kind's `failed` error while one is reported, or `redis.RedisError`. A temporary failure is 503: the item
    is tried again as soon as it is no longer reported.
    """
    ledger, item = OnDemandLedger(services.ledger), kind.item(ref)
    failure = ledger.failure(item)
    if failure is None:
        queue(services, kind, ref, "awaited", cost)
        return
    error = kind.failed(ref, failure)
    raise error.retryable_after(ledger.failure_seconds(item)) if failure.retryable else error


def queue(
    services: Services,
    kind: ItemKind[Ref, Record],
    ref: Ref,
    level: Level,
    cost: Cost | None = None,
) -> None:
    """Queue an item unless it is claimed: the claim in Redis prevents that two requests queue it twice.

    An item of the look-ahead is moved to those that callers wait for when the level says so. `cost` is its prediction.
    """
    ledger, item = OnDemandLedger(services.ledger), kind.item(ref)
    claim = ledger.claim_of(item)
    if claim is not None:
        if level == "awaited":
            services.queueing.admission.promote(replace(kind.call(ref, 0), rq_id=claim.rq_id), cost)
        return
    call = kind.call(ref, ledger.next_number(item.owner))
    if not ledger.claim(item, call.rq_id):
        return
    if exists(services, kind, ref):  # made and released since the caller read the store
        ledger.release(item)
    else:
        services.queueing.admission.put(call, level, cost)


async def wait(
    services: Services,
    kind: ItemKind[Ref, Record],
    ref: Ref,
    *,
    request_item: Callable[[], Record | None],
    seconds: float,
) -> Record:
    """Return the item's record. The wait blocks neither a thread nor the event loop.

    `request_item` returns the record, or None after it has queued the item. It is called again after each news of the
    item and every two seconds: the claim may have been released because a worker died, or Redis may have lost its data.
    Raises the kind's `not_ready` error after `seconds` or when the process stops, and the errors of `request_item`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    record = await run_in_threadpool(request_item)
    if record is not None:  # needs no Redis
        return record
    item, listener = kind.item(ref), services.listener
    news = redis_keys.news(item.owner)
    newest = await run_in_threadpool(services.ledger.newest, news)
    with listener.subscribed(news, newest) as subscription:
        while record is None:
            left = deadline - loop.time()
            if left <= 0 or listener.is_stopping:
                raise kind.not_ready(ref)
            # Before the first wait too: the item may have been made before the subscription.
            record = await run_in_threadpool(request_item)
            if record is None:
                await subscription.wait_for(lambda fields: fields.get("item") == item.name, left)
    return record
