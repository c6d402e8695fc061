"""The records of jobs in the store."""

from collections.abc import Callable, Iterator

import pytest

from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest, ShardRecord
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import Cancellation, JobError, JobRef, JobStatus, Live, TerminalStatus
from contracts.kinds import Kinds
from state import keys, records
from state.ledger import Ledger
from state.records import JobRecord
from state.store import ObjectInfo, Store


def test_a_stored_request_can_be_read(store: Store, batch_request: BatchRequest) -> None:
    """The value equals the one that was written."""
    records.write(store, keys.job_request(batch_request.ref), batch_request)
    assert records.read_request(store, batch_request.ref, BatchRequest) == batch_request


CANCELLED = Cancellation(requested_at=now())
RUNNING = Live(started_at=now())


@pytest.mark.parametrize(
    ("cancellation", "end", "live", "expected"),
    [
        (None, None, Live(), JobStatus.QUEUED),
        (None, None, RUNNING, JobStatus.RUNNING),
        (CANCELLED, None, RUNNING, JobStatus.CANCELLING),
        (CANCELLED, JobStatus.FAILED, RUNNING, JobStatus.FAILED),
    ],
)
def test_the_facts_decide_the_status(
    batch_request: BatchRequest,
    cancellation: Cancellation | None,
    end: TerminalStatus | None,
    live: Live,
    expected: JobStatus,
) -> None:
    """A manifest has priority, then a cancellation; Redis only distinguishes running from queued."""
    manifest = records.ended_without_result(BatchManifest, end, None) if end else None
    assert JobRecord(batch_request, cancellation, manifest).status(live) is expected


def test_the_first_manifest_stays(
    store: Store, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """A second, late run of a job does not change its result."""
    ref = batch_request.ref
    first = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    late = records.ended_without_result(
        BatchManifest, JobStatus.FAILED, None, JobError(code="x", detail="")
    )
    records.finish(store, ledger, ref, first)
    assert records.finish(store, ledger, ref, late) == first


def test_a_worker_can_check_for_a_cancellation(store: Store, batch_request: BatchRequest) -> None:
    """`is_cancelled` is False before the cancellation and True after it."""
    ref = batch_request.ref
    assert not records.is_cancelled(store, ref)
    records.create(store, keys.job_cancel(ref), Cancellation(requested_at=now()))
    assert records.is_cancelled(store, ref)


def test_only_a_shard_with_a_record_is_finished(
    store: Store, batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """A tar without a record does not count."""
    ref = batch_request.ref
    store.put(keys.shard_tar(ref, 1, "0" * 64), b"tar")
    records.write(store, keys.shard_record(ref, 3), shard_record(3))
    assert records.finished_shards(store, ref) == {3}


def test_many_records_are_read_in_order(
    store: Store, batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """A missing one is None."""
    stored_keys = [keys.shard_record(batch_request.ref, index) for index in range(5)]
    for index in (4, 2, 0, 1):
        records.write(store, stored_keys[index], shard_record(index))
    expected = [None if index == 3 else shard_record(index) for index in range(5)]
    assert records.read_all(store, stored_keys, ShardRecord) == expected


def delete(store: Store, ref: JobRef) -> None:
    """Delete a job as the app does."""
    records.delete_objects(
        store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )


class DyingStore(Store):
    """A memory store whose process ends after it has deleted one object, when it lists the others."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise InterruptedError


def test_an_interrupted_delete_leaves_no_partial_job(batch_request: BatchRequest) -> None:
    """The request is deleted before the manifest, so a finished job never appears as queued."""
    store, ref = DyingStore.in_memory(), batch_request.ref
    records.write(store, keys.job_request(ref), batch_request)
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.write(store, keys.job_manifest(ref), ended)
    with pytest.raises(InterruptedError):
        delete(store, ref)
    assert records.read_job(store, Kinds(), ref) is None


def test_deleting_leaves_the_tombstone(store: Store, batch_request: BatchRequest) -> None:
    """After a delete only the tombstone remains; a second delete changes nothing."""
    ref = batch_request.ref
    records.write(store, keys.job_request(ref), batch_request)
    for _ in range(2):
        delete(store, ref)
    assert [info.key for info in store.list(keys.job_prefix(ref))] == [keys.job_tombstone(ref)]
    assert records.is_deleted(store, ref)


def test_the_index_is_rebuilt_from_the_store(
    store: Store, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """The list has every id of the store and is complete."""
    records.write(store, keys.job_request(batch_request.ref), batch_request)
    records.rebuild_index(store, ledger, DEFAULT_TENANT, "batches")
    assert ledger.index_page(DEFAULT_TENANT, "batches", None, 10) == [batch_request.id]
    assert ledger.index_is_complete(DEFAULT_TENANT, "batches")
