"""Plans the next calls of a batch: which shards to claim, and whether the pilot comes first.

The app calls it for a new batch, a worker after each shard, the reconciler after a worker has died.
"""

from collections.abc import Collection
from datetime import timedelta

from contracts.base import now
from contracts.batches import BatchRequest, Recipe
from contracts.jobs import ShardRef
from contracts.kinds import SHARD
from state import keys, records
from state.ledger import Ledger
from state.queues import Call, pilot_call, shard_call
from state.settings import Settings
from state.store import Store

_PILOT_LOCK = timedelta(minutes=1)


def shards_to_queue(
    num_shards: int, *, done: Collection[int], in_flight: Collection[int], room: int
) -> list[int]:
    """Return the next shards that are neither done nor in flight, lowest first; at most `room`."""
    waiting = (index for index in range(num_shards) if index not in done and index not in in_flight)
    return [index for index, _ in zip(waiting, range(room), strict=False)]


def max_in_flight(num_workers: int, settings: Settings) -> int:
    """Return how many shards of one batch may be in flight: a few for each worker, for at least one worker."""
    return settings.shards_in_flight_per_worker * max(1, num_workers)


def needs_pilot(store: Store, request: Recipe) -> bool:
    """Return whether the request has a filter and the store has no pilot of the fit at its truncation and condition."""
    if request.filter is None:
        return False
    return store.head(pilot_key(request)) is None


def pilot_key(request: Recipe) -> str:
    """Return the key of the pilot that the request's filter needs."""
    return keys.pilot(request.tenant, request.fit.id, request.truncation, request.condition_digest)


def next_calls(
    store: Store, ledger: Ledger, request: BatchRequest, settings: Settings
) -> list[Call]:
    """Return the next calls of a batch: the pilot first, then a few shards. Claims these shards."""
    ref = request.ref
    if needs_pilot(store, request):
        if not ledger.try_lock(f"pilot:{ref}", "queued", _PILOT_LOCK):
            return []
        return [pilot_call(ref, ledger.next_attempt(ref, "pilot"))]
    in_flight = ledger.shards_in_flight(ref)
    room = max_in_flight(_count_live_workers(ledger, settings), settings) - len(in_flight)
    planned = shards_to_queue(
        request.num_shards,
        done=records.finished_shards(store, ref),
        in_flight=in_flight,
        room=max(0, room),
    )
    return [
        shard_call(ShardRef(batch=ref, index=index), ledger.next_attempt(ref, f"shard-{index:06d}"))
        for index in ledger.claim_shards(ref, planned)
    ]


def _count_live_workers(ledger: Ledger, settings: Settings) -> int:
    """Return how many workers of the rendering queue are alive."""
    at = now()
    return sum(
        heartbeat.queue == SHARD.queue and heartbeat.is_fresh(at, settings.heartbeat_fresh)
        for heartbeat in ledger.workers()
    )
