"""The plan of a batch: its pilot or its shards, and their predicted cost."""

from collections.abc import Iterator

import pytest
import redis

from contracts.batches import BatchRequest
from contracts.kinds import Kinds
from state import keys, redis_keys
from state.admission.admission import Admission
from state.admission.costs import Cost
from state.ledger import Ledger
from state.planning import batch_cost, queue_batch, shard_cost
from state.settings import Settings
from state.store import Store


@pytest.fixture
def admission(ledger: Ledger, settings: Settings) -> Iterator[Admission]:
    """Return the admission of an empty Redis."""
    jobs = redis.Redis.from_url(settings.redis_url.get_secret_value())
    yield Admission(ledger, jobs, Kinds(), settings.heartbeat_fresh)
    jobs.close()


def waiting(admission: Admission, request: BatchRequest) -> list[int]:
    """Return the shards of a batch that wait."""
    ranges = admission.waiting("generate").shards.get(request.id, [])
    return [index for each in ranges for index in each]


def handed(ledger: Ledger, request: BatchRequest) -> set[int]:
    """Return the shards of a batch that were handed to RQ."""
    key = redis_keys.in_flight(request.ref)
    return {index for index in range(request.num_shards) if ledger.redis.zscore(key, str(index))}


def test_all_shards_wait_at_once(
    store: Store, ledger: Ledger, admission: Admission, batch_request: BatchRequest
) -> None:
    """Those that RQ has no room for are one entry; the first two were handed over."""
    queue_batch(store, ledger, admission, batch_request)
    assert waiting(admission, batch_request) == list(range(2, batch_request.num_shards))
    assert handed(ledger, batch_request) == {0, 1}


def test_only_the_given_shards_are_queued(
    store: Store, ledger: Ledger, admission: Admission, batch_request: BatchRequest
) -> None:
    """The reconciler queues those that were lost."""
    queue_batch(store, ledger, admission, batch_request, [0, 2])
    assert handed(ledger, batch_request) == {0, 2}
    assert waiting(admission, batch_request) == []


def test_a_filter_needs_a_pilot_first(
    store: Store, ledger: Ledger, admission: Admission, filtered_request: BatchRequest
) -> None:
    """Before the fit's uncertainty is measured, only the pilot is queued, once."""
    for _ in range(2):
        queue_batch(store, ledger, admission, filtered_request)
    assert ledger.redis.lrange("rq:queue:generate", 0, -1) == [f"{filtered_request.id}-pilot-1"]
    assert waiting(admission, filtered_request) == []


def test_shards_follow_the_pilot(
    store: Store, ledger: Ledger, admission: Admission, filtered_request: BatchRequest
) -> None:
    """Once the measurement is in the store, the shards are queued."""
    fit_id = filtered_request.fit.id
    store.put(keys.pilot(filtered_request.tenant, fit_id, 0.7), b"{}")
    queue_batch(store, ledger, admission, filtered_request)
    assert handed(ledger, filtered_request) == {0, 1}


def test_a_batch_costs_what_its_samples_cost(
    admission: Admission, batch_request: BatchRequest
) -> None:
    """Measured shards of its fit decide; a batch may be smaller than its shards."""
    admission.costs.note_samples(batch_request.fit.id, 10, Cost(seconds=5, num_bytes=1_000))
    assert batch_cost(admission.costs, batch_request).seconds == batch_request.n * 0.5
    assert batch_cost(admission.costs, batch_request).num_bytes == batch_request.n * 100
    small = batch_request.model_copy(update={"n": 2, "shard_size": 256})
    assert shard_cost(admission.costs, small).seconds == 1.0
