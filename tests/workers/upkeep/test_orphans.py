"""What killed workers left is deleted after a while; what a record names or a live worker writes is kept."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.base import now
from contracts.batches import BatchManifest
from contracts.heartbeats import Heartbeat
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus, ShardRef, Tombstone
from state import keys, records
from state.estimates import rates
from state.leftovers.plan import SweepPlan
from state.settings import Settings
from state.store import Store
from state.usage import paths as usage_paths
from tests.workers.scene import Scene
from workers.rendering import batches
from workers.runtime.machine import Machine
from workers.upkeep import orphans
from workers.upkeep.reconcile import Reconciler

BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
TAR = keys.shard_tar(BATCH, 3, "x")


@pytest.fixture
def machine(machine: Machine, tmp_path: Path) -> Machine:
    """Return a machine with a store in a folder, in which a worker has started a batch and left a tar."""
    store = Store.from_settings(Settings(store_url=(tmp_path / "store").as_uri()))
    machine = dataclasses.replace(machine, store=store)
    store.put(TAR, b"a tar without a record")
    return machine


def sweep(machine: Machine, *, hours: float = 2) -> None:
    """Sweep as of some hours from now."""
    orphans.sweep(machine, now() + timedelta(hours=hours))


def beat(machine: Machine, argument: str) -> None:
    """Record the heartbeat of a worker that will still be alive in two hours."""
    at = now() + timedelta(hours=2)
    working = Heartbeat(
        worker="w", queue="generate", state="busy", at=at, device="cpu", job=argument
    )
    machine.ledger.record_heartbeat(working)


def staged(machine: Machine) -> Path:
    """Add the file that a killed writer leaves in the folder of the batch, as obstore names it."""
    assert machine.store.folder is not None
    path = machine.store.folder / keys.shard_tar(BATCH, 4, "y#1")
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(1000))
    return path


def test_an_old_tar_without_a_record_is_deleted(machine: Machine) -> None:
    """Its worker stopped before it wrote the record. A young one may get its record yet."""
    sweep(machine, hours=0.5)
    assert machine.store.head(TAR) is not None
    sweep(machine)
    assert machine.store.head(TAR) is None


def test_an_unfinished_file_is_deleted(machine: Machine) -> None:
    """No list shows it, and nothing else would ever delete it."""
    path = staged(machine)
    sweep(machine, hours=0.5)
    assert path.exists()
    sweep(machine)
    assert not path.exists()
    assert not path.parent.exists()


@pytest.mark.parametrize("part", ["", "/4", "/export-coco"])
def test_nothing_is_deleted_below_a_live_worker(machine: Machine, part: str) -> None:
    """A slow worker may write the next part after more than an hour."""
    path = staged(machine)
    beat(machine, f"{BATCH}{part}")
    sweep(machine)
    assert path.exists()
    assert machine.store.head(TAR) is not None


def test_a_worker_of_another_job_protects_nothing(machine: Machine) -> None:
    """Not even a job whose id begins with the same characters."""
    beat(machine, f"{BATCH}0/4")
    sweep(machine)
    assert machine.store.head(TAR) is None


def test_what_a_late_worker_wrote_for_a_deleted_job_is_deleted(machine: Machine) -> None:
    """Only the tombstone stays."""
    tombstone = keys.job_tombstone(BATCH)
    records.write(machine.store, tombstone, Tombstone(deleted_at=now()))
    machine.store.put(keys.shard_record(BATCH, 3), b"{}")
    sweep(machine)
    assert [info.key for info in machine.store.list("tenants")] == [tombstone]


def test_a_clean_resource_is_not_visited_again(machine: Machine) -> None:
    """So the cost does not grow with the number of jobs that have ended."""
    sweep(machine)
    assert SweepPlan(machine.ledger).planned_before(now() + timedelta(days=9), 9) == []
    machine.store.put(TAR, b"again")
    sweep(machine, hours=9)
    assert machine.store.head(TAR) is not None


def test_the_end_of_a_job_plans_a_sweep(machine: Machine) -> None:
    """A worker that was killed beside it has left something, of whichever kind the job is."""
    sweep(machine)
    machine.store.put(TAR, b"again")
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.finish(machine.store, machine.ledger, BATCH, ended)
    sweep(machine)
    assert machine.store.head(TAR) is None


def test_one_round_visits_a_limited_number(machine: Machine) -> None:
    """The next round goes on with the others."""
    others = [JobRef(tenant=DEFAULT_TENANT, id=new_id("batch")) for _ in range(orphans.MAX_VISITS)]
    for ref in others:
        machine.store.put(keys.shard_tar(ref, 0, "x"), b"")

    def count() -> int:
        return sum(1 for _ in machine.store.list("tenants"))

    sweep(machine)
    assert count() == 1
    sweep(machine)
    assert count() == 0


def test_a_finished_batch_keeps_everything(scene: Scene) -> None:
    """A round of the reconciler deletes a tar beside those of the manifest, and nothing that a reader needs."""
    settings = scene.machine.settings.model_copy(update={"orphan_age": timedelta(0)})
    scene = Scene(dataclasses.replace(scene.machine, settings=settings))
    fit = scene.fit()
    batch = scene.request_batch(fit, n=8, shard_size=4)
    for index in range(2):
        batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)
    before = without_rollups(scene) - {TAR}
    scene.machine.store.put(keys.shard_tar(batch.ref, 0, "twin"), b"of a killed worker")
    Reconciler(scene.machine).reconcile()
    assert without_rollups(scene) == before


def without_rollups(scene: Scene) -> set[str]:
    """Return the keys of the store, but those of usage and estimates: the reconciler adds them up."""
    prefixes = (usage_paths.prefix(DEFAULT_TENANT), rates.PREFIX)
    return {info.key for info in scene.machine.store.list("") if not info.key.startswith(prefixes)}
