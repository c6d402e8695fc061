"""Plans a batch: whether its pilot comes first, and which shards are let in, with their predicted cost.

The app calls it for a new batch, a worker after a pilot, the reconciler after work was lost.
"""

from collections.abc import Collection
from datetime import timedelta

from contracts.batches import BatchRequest
from contracts.digests import digest_of
from contracts.recipes.pilots import PLAN_VERSION, STEERING_PLAN_VERSION
from contracts.recipes.recipe import Recipe
from contracts.streams import StreamRequest
from state import keys
from state.admission.admission import Admission
from state.admission.costs import Cost, Costs
from state.ledger import Ledger
from state.queues import pilot_call
from state.store import Store

_PILOT_LOCK = timedelta(minutes=1)


def needs_pilot(store: Store, request: Recipe) -> bool:
    """Return whether the request needs quantiles or a plan that the store does not have."""
    needed = []
    if request.filter is not None:
        needed.append(pilot_key(request))
    if request.targets:
        needed.append(plan_key(request))
    if is_steered(request):
        needed.append(steering_plan_key(request))
    return any(store.head(key) is None for key in needed)


def is_steered(request: Recipe) -> bool:
    """Return whether the request is that of a stream that answers."""
    return isinstance(request, StreamRequest) and request.steering is not None


def pilot_key(request: Recipe) -> str:
    """Return the key of the quantiles that the request's filter needs."""
    return keys.pilot(request.tenant, request.fit.id, request.truncation, request.pilot_digest)


def pilot_samples_key(request: Recipe) -> str:
    """Return the key of what a pilot has measured on its samples so far."""
    return pilot_key(request).removesuffix(".json") + ".state"


def plan_key(request: Recipe) -> str:
    """Return the key of the plan that the request's targets need."""
    decisive = {
        "truncation": f"{request.truncation:.4f}",
        "condition": request.condition,
        "drop_share": None if request.filter is None else request.filter.drop_share,
        "targets": [target.model_dump(mode="json") for target in request.targets],
    }
    return keys.target_plan(request.tenant, request.fit.id, PLAN_VERSION, digest_of(decisive))


def plain_shares_key(request: Recipe) -> str:
    """Return the key of the class shares of samples without the request's filter, targets and steering."""
    plain = request.model_copy(update={"targets": ()})
    return pilot_key(plain).removesuffix(".json") + "-shares.json"


def steering_plan_key(request: Recipe) -> str:
    """Return the key of the plan that a steered stream needs."""
    decisive = {"truncation": f"{request.truncation:.4f}", "condition": request.condition}
    digest = digest_of({"steering": decisive})
    return keys.target_plan(request.tenant, request.fit.id, STEERING_PLAN_VERSION, digest)


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
