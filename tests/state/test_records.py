"""Promises of the records: what the store's facts make of a job."""

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


def test_a_stored_request_comes_back(store: Store, batch_request: BatchRequest) -> None:
    """A request is read as it was written."""
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
    """A manifest decides first, then a cancellation; Redis only tells running from queued."""
    manifest = records.ended_without_result(BatchManifest, end, None) if end else None
    assert JobRecord(batch_request, cancellation, manifest).status(live) is expected


def test_the_first_manifest_stands(
    store: Store, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """A late twin of a job changes nothing about how it ended."""
    ref = batch_request.ref
    first = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    late = records.ended_without_result(
        BatchManifest, JobStatus.FAILED, None, JobError(code="x", detail="")
    )
    records.finish(store, ledger, ref, first)
    assert records.finish(store, ledger, ref, late) == first


def test_a_cancellation_is_seen(store: Store, batch_request: BatchRequest) -> None:
    """A worker that looks finds the wish that it stops."""
    ref = batch_request.ref
    assert not records.is_cancelled(store, ref)
    records.create(store, keys.job_cancel(ref), Cancellation(requested_at=now()))
    assert records.is_cancelled(store, ref)


def test_shard_records_are_found_beside_their_tars(
    store: Store, batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """The records are those with a JSON of their own; a tar without one is not done."""
    ref = batch_request.ref
    store.put(keys.shard_tar(ref, 1, "0" * 64), b"tar")
    records.write(store, keys.shard_record(ref, 3), shard_record(3))
    assert records.finished_shards(store, ref) == {3}
    assert records.shard_records(store, ref) == {3: shard_record(3)}


def delete(store: Store, ref: JobRef) -> None:
    """Deletes a job as the app does."""
    records.delete_objects(
        store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )


class DyingStore(Store):
    """A memory store whose process ends when it has deleted one object and looks for the others."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise InterruptedError


def test_a_delete_that_is_interrupted_leaves_no_half(batch_request: BatchRequest) -> None:
    """The request goes before the manifest: a finished job never looks queued again."""
    store, ref = DyingStore.in_memory(), batch_request.ref
    records.write(store, keys.job_request(ref), batch_request)
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.write(store, keys.job_manifest(ref), ended)
    with pytest.raises(InterruptedError):
        delete(store, ref)
    assert records.read_job(store, Kinds(), ref) is None


def test_deleting_leaves_the_tombstone(store: Store, batch_request: BatchRequest) -> None:
    """After a delete nothing is left but the mark of it, and doing it again changes nothing."""
    ref = batch_request.ref
    records.write(store, keys.job_request(ref), batch_request)
    for _ in range(2):
        delete(store, ref)
    assert [found.key for found in store.list(keys.job_prefix(ref))] == [keys.job_tombstone(ref)]
    assert records.is_deleted(store, ref)


def test_the_index_is_rebuilt_from_the_store(
    store: Store, ledger: Ledger, batch_request: BatchRequest
) -> None:
    """What Redis lost is on the list again, and the list is whole."""
    records.write(store, keys.job_request(batch_request.ref), batch_request)
    records.rebuild_index(store, ledger, DEFAULT_TENANT, "batches")
    assert ledger.index_page(DEFAULT_TENANT, "batches", None, 10) == [batch_request.id]
    assert ledger.index_is_complete(DEFAULT_TENANT, "batches")
