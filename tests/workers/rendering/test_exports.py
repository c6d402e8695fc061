"""Exports that are made, that cannot be, or not now. `tests/e2e/test_readers.py` makes one of each format."""

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
from state.export_ledger import ExportLedger
from state.queues import export_call
from tests.client.conftest import LABELS, tar_of
from workers.rendering import exports
from workers.runtime.artefacts import read_artefact, write_artefact
from workers.runtime.machine import Machine
from workers.runtime.pulse import Drained
from workers.runtime.queues import open_queue, put
from workers.upkeep.reconcile import Reconciler


@pytest.fixture
def export(machine: Machine) -> ExportRef:
    """The export, which nobody has made yet, of a batch of four samples in two shards."""
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
def ledger_of_exports(machine: Machine) -> ExportLedger:
    """The exports' side of the ledger."""
    return ExportLedger(machine.ledger)


def shard(machine: Machine, ref: JobRef, index: int) -> ShardRecord:
    """A stored shard of two samples."""
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
    """Claims and queues an export as the app does; returns its id in the queue."""
    call = export_call(export, machine.ledger.next_attempt(export.batch, "export"))
    assert ExportLedger(machine.ledger).claim(export, call.rq_id)
    put(machine.redis, call)
    return call.rq_id


def made(machine: Machine, export: ExportRef) -> ExportRecord | None:
    """The record of the export, if it is made."""
    return records.read(machine.store, keys.export_record(export), ExportRecord)


def test_an_export_is_made_once(
    machine: Machine, export: ExportRef, ledger_of_exports: ExportLedger
) -> None:
    """All samples of all shards, counted; its claim ends, and a twin changes nothing."""
    queue(machine, export)
    exports.run(machine, str(export), 1)
    record = made(machine, export)
    assert record is not None
    with zipfile.ZipFile(io.BytesIO(read_artefact(machine.store, record.archive))) as archive:
        assert len(archive.namelist()) == record.num_files == 4 * 2 + 2
    assert not ledger_of_exports.is_claimed(export)
    exports.run(machine, str(export), 1)
    assert made(machine, export) == record


def test_instances_are_an_archive_of_their_own(machine: Machine, export: ExportRef) -> None:
    """Beside the other one, under their own name; the record says which it is."""
    plain = export.model_copy(update={"format": "coco"})
    parts = plain.model_copy(update={"instances": True})
    for one in (plain, parts):
        exports.run(machine, str(one), 1)
    found, others = made(machine, plain), made(machine, parts)
    assert found is not None
    assert others is not None
    assert (found.instances, others.instances) == (False, True)
    assert found.archive.sha256 != others.archive.sha256


def test_a_batch_that_is_gone_fails_for_good(
    machine: Machine, export: ExportRef, ledger_of_exports: ExportLedger
) -> None:
    """Whoever waits is told, and nothing is half-stored."""
    machine.store.delete(keys.shard_tar(export.batch, 1, "0" * 64))
    exports.run(machine, str(export), 1)
    failure = ledger_of_exports.failure(export)
    assert failure is not None
    assert (failure.code, failure.retryable) == ("input_missing", False)
    assert list(machine.store.list(f"{keys.job_prefix(export.batch)}/exports")) == []


def test_a_batch_that_is_deleted_meanwhile_leaves_nothing(
    machine: Machine, export: ExportRef
) -> None:
    """The tombstone is all that stays of it."""
    tombstone = keys.job_tombstone(export.batch)
    records.write(machine.store, tombstone, Tombstone(deleted_at=now()))
    exports.run(machine, str(export), 1)
    assert list(machine.store.list(f"{keys.job_prefix(export.batch)}/exports")) == []


def test_trouble_of_the_machine_is_told_after_the_last_try(
    machine: Machine, export: ExportRef, ledger_of_exports: ExportLedger
) -> None:
    """For a moment only: then whoever asks has it tried again."""
    queue(machine, export)
    exports.fail_for_good(machine, str(export), AbandonedJobError())
    failure = ledger_of_exports.failure(export)
    assert failure is not None
    assert (failure.code, failure.retryable) == ("worker_lost", True)
    assert not ledger_of_exports.is_claimed(export)


def test_a_draining_worker_gives_the_export_back(
    machine: Machine, export: ExportRef, ledger_of_exports: ExportLedger
) -> None:
    """The claim stays: the call goes back to the front of the queue."""
    queue(machine, export)
    machine.pulse.drain()
    with pytest.raises(Drained):
        exports.run(machine, str(export), 1)
    assert ledger_of_exports.is_claimed(export)
    assert made(machine, export) is None


def test_the_claim_of_a_lost_call_is_freed(
    machine: Machine, export: ExportRef, ledger_of_exports: ExportLedger
) -> None:
    """The reconciler knows what is in the queues: what stands there keeps its claim."""
    kept = export.model_copy(update={"format": "coco"})
    open_queue(machine.redis, "cpu").remove(queue(machine, export))
    queue(machine, kept)
    hurried = machine.settings.model_copy(update={"heartbeat_interval": timedelta(0)})
    Reconciler(dataclasses.replace(machine, settings=hurried)).reconcile()
    assert list(ledger_of_exports.claims()) == [kept]
