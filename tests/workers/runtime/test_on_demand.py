"""Make an item: the first record counts, no object of a deleted owner stays, and a machine failure keeps the claim."""

import pytest

from contracts.base import Artefact, now
from contracts.errors.jobs import InputMissing
from contracts.exports import ExportRecord, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, Tombstone
from state import keys, records
from state.on_demand import paths
from state.on_demand.kinds import EXPORTS
from state.on_demand.ledger import OnDemandLedger
from workers.runtime import on_demand
from workers.runtime.machine import Machine
from workers.runtime.on_demand import NotNeeded

EXPORT = ExportRef(batch=JobRef(tenant=DEFAULT_TENANT, id=new_id("batch")), format="coco")
ITEM = EXPORTS.item(EXPORT)


@pytest.fixture
def items(machine: Machine) -> OnDemandLedger:
    """Return a ledger in which the export is claimed."""
    items = OnDemandLedger(machine.ledger)
    items.claim(ITEM, "one")
    return items


def store_archive(machine: Machine, digit: str) -> ExportRecord:
    """Store an archive whose digest consists of one digit; return its record."""
    key = paths.export_zip(EXPORT, digit * 64)
    machine.store.put(key, b"a zip")
    archive = Artefact(key=key, sha256=digit * 64, num_bytes=5)
    return ExportRecord(format="coco", archive=archive, num_files=1, finished_at=now())


def objects(machine: Machine) -> list[str]:
    """Return the keys of the export's objects."""
    return [each.key for each in machine.store.list(f"{keys.job_prefix(EXPORT.batch)}/exports")]


def test_the_first_record_counts(machine: Machine, items: OnDemandLedger) -> None:
    """The objects of a slower worker are deleted, and a later call does no work."""
    first = store_archive(machine, "1")

    def work(_: ExportRef) -> ExportRecord:
        records.write(machine.store, paths.export_record(EXPORT), first)  # by another worker
        return store_archive(machine, "2")

    for _ in range(2):
        on_demand.make(machine, EXPORTS, str(EXPORT), 1, work)
    assert sorted(objects(machine)) == sorted([first.archive.key, paths.export_record(EXPORT)])
    assert items.claim_of(ITEM) is None


def test_nothing_stays_of_a_deleted_owner(machine: Machine, items: OnDemandLedger) -> None:
    """The owner was deleted during the work."""

    def work(_: ExportRef) -> ExportRecord:
        tombstone = keys.job_tombstone(EXPORT.batch)
        records.write(machine.store, tombstone, Tombstone(deleted_at=now()))
        return store_archive(machine, "1")

    on_demand.make(machine, EXPORTS, str(EXPORT), 1, work)
    assert objects(machine) == []
    assert items.claim_of(ITEM) is None


@pytest.mark.parametrize(
    ("error", "code"), [(NotNeeded(), None), (InputMissing("A shard is gone."), "input_missing")]
)
def test_the_claim_ends_with_a_result(
    machine: Machine, items: OnDemandLedger, error: Exception, code: str | None
) -> None:
    """A wrong input is reported; an item that is not needed is not."""

    def work(_: ExportRef) -> ExportRecord:
        raise error

    on_demand.make(machine, EXPORTS, str(EXPORT), 1, work)
    failure = items.failure(ITEM)
    assert (failure.code if failure else None) == code
    assert items.claim_of(ITEM) is None


def test_the_claim_outlives_a_machine_failure(machine: Machine, items: OnDemandLedger) -> None:
    """The queue runs the call again, so nothing is reported yet."""

    def work(_: ExportRef) -> ExportRecord:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        on_demand.make(machine, EXPORTS, str(EXPORT), 1, work)
    assert items.failure(ITEM) is None
    assert items.claim_of(ITEM) is not None


def test_a_young_claim_is_not_freed(machine: Machine, items: OnDemandLedger) -> None:
    """The app claims an item before it queues the call."""
    on_demand.free_lost_claims(machine, ())
    assert items.claim_of(ITEM) is not None
