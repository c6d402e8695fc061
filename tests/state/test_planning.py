"""The plan of a batch: which calls are queued next."""

from collections.abc import Callable

from contracts.base import now
from contracts.batches import BatchRequest, ShardRecord
from contracts.heartbeats import Heartbeat
from contracts.kinds import PILOT, SHARD
from state import keys, records
from state.batches.shards import BatchShards
from state.ledger import Ledger
from state.planning import next_calls
from state.settings import Settings
from state.store import Store


def test_a_batch_begins_with_two_shards(
    store: Store, ledger: Ledger, settings: Settings, batch_request: BatchRequest
) -> None:
    """Without workers, two shards are queued; a second call queues no more."""
    calls = next_calls(store, ledger, batch_request, settings)
    assert [call.argument for call in calls] == [f"{batch_request.ref}/{k}" for k in (0, 1)]
    assert next_calls(store, ledger, batch_request, settings) == []


def test_more_workers_take_more_shards(
    store: Store, ledger: Ledger, settings: Settings, batch_request: BatchRequest
) -> None:
    """Two live rendering workers have four shards in flight."""
    for name in ("one", "two"):
        heartbeat = Heartbeat(worker=name, queue="generate", state="idle", at=now(), device="cpu")
        ledger.record_heartbeat(heartbeat)
    assert len(next_calls(store, ledger, batch_request, settings)) == 4


def test_a_finished_shard_is_followed_by_the_next(
    store: Store,
    ledger: Ledger,
    settings: Settings,
    batch_request: BatchRequest,
    shard_record: Callable[[int], ShardRecord],
) -> None:
    """When a shard is recorded and released, the next one is queued."""
    next_calls(store, ledger, batch_request, settings)
    records.write(store, keys.shard_record(batch_request.ref, 0), shard_record(0))
    BatchShards(store, ledger, batch_request).finish(0)
    (call,) = next_calls(store, ledger, batch_request, settings)
    assert call.argument == f"{batch_request.ref}/2"


def test_a_filter_needs_a_pilot_first(
    store: Store, ledger: Ledger, settings: Settings, filtered_request: BatchRequest
) -> None:
    """Before the fit's uncertainty is measured, only the pilot is queued, once."""
    (call,) = next_calls(store, ledger, filtered_request, settings)
    assert call.task is PILOT
    assert next_calls(store, ledger, filtered_request, settings) == []


def test_shards_follow_the_pilot(
    store: Store, ledger: Ledger, settings: Settings, filtered_request: BatchRequest
) -> None:
    """Once the measurement is in the store, the shards are queued."""
    fit_id = filtered_request.fit.id
    store.put(keys.pilot(filtered_request.tenant, fit_id, 0.7), b"{}")
    calls = next_calls(store, ledger, filtered_request, settings)
    assert {call.task for call in calls} == {SHARD}
