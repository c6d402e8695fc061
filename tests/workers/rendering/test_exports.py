"""Exports that succeed, fail or stop. `tests/e2e/test_readers.py` makes an export of each format."""

import dataclasses
import io
import zipfile
from datetime import timedelta

import pytest
from rq.exceptions import AbandonedJobError

from contracts.base import now
from contracts.batches import BatchManifest, ShardRecord
from contracts.exports import ExportRecord, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus, Tombstone
from contracts.schemas import LabelSchema
from state import keys, records
from state.on_demand import paths
from state.on_demand.kinds import EXPORTS
from state.on_demand.ledger import OnDemandLedger
from state.queues import open_queue, put
from tests.client.conftest import LABELS, tar_of
from workers.rendering import exports
from workers.runtime.artefacts import read_artefact, write_artefact
from workers.runtime.machine import Machine
from workers.runtime.pulse import Drained
from workers.upkeep.reconcile import Reconciler


@pytest.fixture
def export(machine: Machine) -> ExportRef:
    """Return the export, not made yet, of a batch of four samples in two shards."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
    manifest = BatchManifest(
        status=JobStatus.SUCCEEDED,
        started_at=now(),
        finished_at=now(),
        labels=LabelSchema.model_validate(LABELS),
        num_samples=4,
        shards=tuple(shard(machine, ref, index) for index in range(2)),
    )
    records.write(machine.store, keys.job_manifest(ref), manifest)
    return ExportRef(batch=ref, format="voc")


@pytest.fixture
def items(machine: Machine) -> OnDemandLedger:
    """Return the ledger of items."""
    return OnDemandLedger(machine.ledger)


def shard(machine: Machine, ref: JobRef, index: int) -> ShardRecord:
    """Store a shard of two samples."""
    data = tar_of(range(2 * index, 2 * index + 2))
    key = keys.shard_tar(ref, index, "0" * 64)
    return ShardRecord(
        index=index,
        tar=write_artefact(machine.store, key, data, "application/x-tar"),
        num_samples=2,
        num_candidates=2,
        class_pixels=(),
        class_images=(),
        candidate_class_images=(),
        mean_score=0.5,
        threshold=None,
        started_at=now(),
        finished_at=now(),
        render_seconds=0.1,
    )


def queue(machine: Machine, export: ExportRef) -> str:
    """Claim and queue an export as the app does; return its id in the queue."""
    ledger = OnDemandLedger(machine.ledger)
    call = EXPORTS.call(export, ledger.next_number(str(export.batch)))
    assert ledger.claim(EXPORTS.item(export), call.rq_id)
    put(machine.redis, call)
    return call.rq_id


def record_of(machine: Machine, export: ExportRef) -> ExportRecord | None:
    """Return the record of an export, or None."""
    return records.read(machine.store, paths.export_record(export), ExportRecord)


def test_an_export_is_made_once(machine: Machine, export: ExportRef, items: OnDemandLedger) -> None:
    """It has all samples of all shards, its claim ends, and a second call changes nothing."""
    queue(machine, export)
    exports.run(machine, str(export), 1)
    record = record_of(machine, export)
    assert record is not None
    with zipfile.ZipFile(io.BytesIO(read_artefact(machine.store, record.archive))) as archive:
        assert len(archive.namelist()) == record.num_files == 4 * 2 + 2
    assert items.claim_of(EXPORTS.item(export)) is None
    exports.run(machine, str(export), 1)
    assert record_of(machine, export) == record


def test_instances_are_a_separate_archive(machine: Machine, export: ExportRef) -> None:
    """Both archives exist side by side; the record says which one it is."""
    plain = export.model_copy(update={"format": "coco"})
    parts = plain.model_copy(update={"instances": True})
    for each in (plain, parts):
        exports.run(machine, str(each), 1)
    first, second = record_of(machine, plain), record_of(machine, parts)
    assert first is not None
    assert second is not None
    assert (first.instances, second.instances) == (False, True)
    assert first.archive.sha256 != second.archive.sha256


def test_a_missing_shard_fails_for_good(
    machine: Machine, export: ExportRef, items: OnDemandLedger
) -> None:
    """The failure is reported, and no archive is stored."""
    machine.store.delete(keys.shard_tar(export.batch, 1, "0" * 64))
    exports.run(machine, str(export), 1)
    failure = items.failure(EXPORTS.item(export))
    assert failure is not None
    assert (failure.code, failure.retryable) == ("input_missing", False)
    assert list(machine.store.list(f"{keys.job_prefix(export.batch)}/exports")) == []


def test_a_batch_deleted_meanwhile_leaves_nothing(machine: Machine, export: ExportRef) -> None:
    """Only the tombstone stays."""
    tombstone = keys.job_tombstone(export.batch)
    records.write(machine.store, tombstone, Tombstone(deleted_at=now()))
    exports.run(machine, str(export), 1)
    assert list(machine.store.list(f"{keys.job_prefix(export.batch)}/exports")) == []


def test_a_machine_failure_is_reported_after_the_last_retry(
    machine: Machine, export: ExportRef, items: OnDemandLedger
) -> None:
    """For 30 seconds: the next request after that queues the export again."""
    queue(machine, export)
    exports.fail_for_good(machine, str(export), AbandonedJobError())
    failure = items.failure(EXPORTS.item(export))
    assert failure is not None
    assert (failure.code, failure.retryable) == ("worker_lost", True)
    assert items.claim_of(EXPORTS.item(export)) is None


def test_a_draining_worker_gives_the_export_back(
    machine: Machine, export: ExportRef, items: OnDemandLedger
) -> None:
    """The claim stays, because the call returns to the front of the queue."""
    queue(machine, export)
    machine.pulse.drain()
    with pytest.raises(Drained):
        exports.run(machine, str(export), 1)
    assert items.claim_of(EXPORTS.item(export)) is not None
    assert record_of(machine, export) is None


def test_the_claim_of_a_lost_call_is_freed(
    machine: Machine, export: ExportRef, items: OnDemandLedger
) -> None:
    """The reconciler frees it; a queued call keeps its claim."""
    kept = export.model_copy(update={"format": "coco"})
    open_queue(machine.redis, "cpu").remove(queue(machine, export))
    queue(machine, kept)
    hurried = machine.settings.model_copy(update={"heartbeat_interval": timedelta(0)})
    Reconciler(dataclasses.replace(machine, settings=hurried)).reconcile()
    assert list(items.all_claims()) == [EXPORTS.item(kept)]
