"""A worker that is asked to stop just after it has stored a tar leaves no tar without a record."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from contracts.jobs import JobRef, ShardRef
from state import keys, records
from state.leftovers.named import unnamed_objects
from state.sending import Target
from state.store import Store
from tests.workers.labeling.labeling_scene import pictures, request_labeling
from tests.workers.scene import Scene
from workers.labeling import labelings
from workers.rendering import batches
from workers.runtime.pulse import Drained, Pulse


@dataclass(frozen=True)
class StoppingStore(Store):
    """A store in memory whose worker gets SIGTERM when a tar is complete. `deleted` is then a deleted job."""

    pulse: Pulse | None = None
    deleted: JobRef | None = None

    @contextmanager
    def sending(self, key: str) -> Iterator[Target]:
        """Send an object; then stop the worker or delete the job."""
        with super().sending(key) as target:
            yield target
        if self.pulse is not None:
            self.pulse.drain()
        if self.deleted is not None:
            self.put(keys.job_tombstone(self.deleted), b"{}")


def stopping(scene: Scene) -> Scene:
    """Return the scene with a worker that is stopped after its first tar."""
    pulse = Pulse()
    store = StoppingStore(scene.machine.store.objects, pulse=pulse)
    return Scene(dataclasses.replace(scene.machine, store=store, pulse=pulse))


def orphans(scene: Scene, ref: JobRef) -> list[str]:
    """Return the objects of a job that no record names."""
    return [info.key for info in unnamed_objects(scene.machine.store, keys.job_prefix(ref))]


def test_a_shard_is_recorded_before_its_worker_stops(scene: Scene) -> None:
    """The shard is not rendered again."""
    batch = scene.request_batch(scene.fit(), n=8, shard_size=4)
    batches.run_shard(stopping(scene).machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    assert orphans(scene, batch.ref) == []
    assert records.finished_shards(scene.machine.store, batch.ref) == {0}


def test_a_labelled_shard_is_recorded_before_its_worker_stops(scene: Scene) -> None:
    """The next attempt continues after it."""
    labeling = request_labeling(scene, scene.fit(), pictures(8))
    with pytest.raises(Drained):
        labelings.run(stopping(scene).machine, str(labeling.ref), 1)
    assert orphans(scene, labeling.ref) == []
    assert records.finished_shards(scene.machine.store, labeling.ref) == {0}


def test_a_finished_job_ends_although_its_worker_stops(scene: Scene) -> None:
    """The last shard's manifest is stored: otherwise the next worker only repeats the end."""
    batch = scene.request_batch(scene.fit(), n=4, shard_size=4)
    batches.run_shard(stopping(scene).machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    assert scene.batch_manifest(batch.ref).num_samples == 4


def test_a_batch_that_is_deleted_meanwhile_keeps_nothing(scene: Scene) -> None:
    """Neither the tar of a late shard nor its record."""
    batch = scene.request_batch(scene.fit(), n=4, shard_size=4)
    store = StoppingStore(scene.machine.store.objects, deleted=batch.ref)
    machine = dataclasses.replace(scene.machine, store=store)
    batches.run_shard(machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    assert list(store.list(keys.shards_prefix(batch.ref))) == []
