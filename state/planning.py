"""Plans the next calls of a batch: which shards to claim, and whether the pilot comes first.

The app calls it for a new batch, a worker after each shard, the reconciler after a worker has died.
"""

from datetime import timedelta

from contracts.base import now
from contracts.batches import BatchRequest, Recipe
from contracts.kinds import SHARD
from state import keys
from state.batches.shards import BatchShards
from state.ledger import Ledger
from state.queues import Call, pilot_call, shard_call
from state.settings import Settings
from state.store import Store

_PILOT_LOCK = timedelta(minutes=1)


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


def partial_pilot_key(request: Recipe) -> str:
    """Return the key of the scores that a pilot has measured so far."""
    return pilot_key(request).removesuffix(".json") + ".state"


def next_calls(
    store: Store, ledger: Ledger, request: BatchRequest, settings: Settings
) -> list[Call]:
    """Return the next calls of a batch: the pilot first, then a few shards. Claims these shards."""
    ref = request.ref
    if needs_pilot(store, request):
        if not ledger.try_lock(f"pilot:{ref}", "queued", _PILOT_LOCK):
            return []
        return [pilot_call(ref, ledger.next_attempt(ref, "pilot"))]
    most = max_in_flight(_count_live_workers(ledger, settings), settings)
    claimed = BatchShards(store, ledger, request).claim(most)
    return [shard_call(shard, attempt) for shard, attempt in claimed]


def _count_live_workers(ledger: Ledger, settings: Settings) -> int:
    """Return how many workers of the rendering queue are alive."""
    at = now()
    return sum(
        heartbeat.queue == SHARD.queue and heartbeat.is_fresh(at, settings.heartbeat_fresh)
        for heartbeat in ledger.workers()
    )
