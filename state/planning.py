"""Plans a batch: whether its pilot comes first, and which shards are let in, with their predicted cost.

The app calls it for a new batch, a worker after a pilot, the reconciler after work was lost.
"""

from collections.abc import Collection
from datetime import timedelta

from contracts.batches import BatchRequest, Recipe
from state import keys
from state.admission.admission import Admission
from state.admission.costs import Cost, Costs
from state.ledger import Ledger
from state.queues import pilot_call
from state.store import Store

_PILOT_LOCK = timedelta(minutes=1)


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


def shard_cost(costs: Costs, request: Recipe) -> Cost:
    """Return the predicted cost of a shard of a batch or a stream. A batch may be smaller than its shards."""
    n = request.n if isinstance(request, BatchRequest) else request.shard_size
    return costs.of_samples(request.fit.id, min(n, request.shard_size))


def batch_cost(costs: Costs, request: BatchRequest) -> Cost:
    """Return the predicted cost of a whole batch."""
    return costs.of_samples(request.fit.id, request.n)


def queue_batch(
    store: Store,
    ledger: Ledger,
    admission: Admission,
    request: BatchRequest,
    shards: Collection[int] | None = None,
) -> None:
    """Queue shards of a batch, by default all. While a pilot is needed, queue only that: it queues all shards."""
    ref = request.ref
    if not needs_pilot(store, request):
        chosen = range(request.num_shards) if shards is None else shards
        admission.put_shards(ref, chosen, shard_cost(admission.costs, request))
    elif ledger.try_lock(f"pilot:{ref}", "queued", _PILOT_LOCK):
        admission.put(pilot_call(ref, ledger.next_attempt(ref, "pilot")))
