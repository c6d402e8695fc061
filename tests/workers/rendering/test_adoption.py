"""A batch that resumes another one adopts its finished shards, and renders the others."""

from collections.abc import Iterator

import pytest

from contracts.batches import BatchRequest
from contracts.errors.jobs import WorkerLost
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.jobs import JobStatus, ShardRef
from state import keys, records
from state.store import Store
from tests.workers.scene import Scene
from workers.rendering import batches
from workers.rendering.adoption import adopt_shard
from workers.runtime import jobs


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a succeeded fit."""
    return scene.fit()


@pytest.fixture
def failed(scene: Scene, fit: FitRequest) -> BatchRequest:
    """Return a batch of three shards that failed when the shards 0 and 2 were finished."""
    batch = scene.request_batch(fit, n=12, shard_size=4)
    for index in (0, 2):
        render(scene, batch, index)
    jobs.fail_for_good(scene.machine, f"{batch.ref}/1", WorkerLost("Its worker died."))
    return batch


def render(scene: Scene, batch: BatchRequest, index: int) -> None:
    """Render one shard as a worker does."""
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)


def resumed(scene: Scene, earlier: BatchRequest) -> BatchRequest:
    """Store the request that the app stores for a batch that resumes another one."""
    chain = (earlier.id, *earlier.resumes)
    batch = earlier.model_copy(update={"id": new_id("batch"), "resumes": chain})
    records.write(scene.machine.store, keys.job_request(batch.ref), batch)
    return batch


def delete(store: Store, batch: BatchRequest) -> None:
    """Delete a batch as the app does."""
    records.delete_objects(
        store,
        keys.job_prefix(batch.ref),
        tombstone_key=keys.job_tombstone(batch.ref),
        first=keys.job_request(batch.ref),
    )


def written_tars(store: Store, batch: BatchRequest) -> Iterator[str]:
    """Yield the keys of the tars of a batch."""
    infos = store.list(keys.shards_prefix(batch.ref))
    return (info.key for info in infos if info.key.endswith(".tar"))


def test_a_failed_batch_keeps_its_finished_shards(scene: Scene, failed: BatchRequest) -> None:
    """The manifest says why it failed and pins the shards that exist."""
    manifest = scene.batch_manifest(failed.ref)
    assert (manifest.status, manifest.error and manifest.error.code) == (
        JobStatus.FAILED,
        "worker_lost",
    )
    assert [shard.index for shard in manifest.shards] == [0, 2]
    assert manifest.num_samples == 8
    assert len(scene.shard_files(failed)) == 8 * 4


def test_a_resumed_batch_has_the_samples_of_its_request(
    scene: Scene, fit: FitRequest, failed: BatchRequest
) -> None:
    """The same bytes as a batch that never failed; only the missing shard is rendered."""
    whole = scene.request_batch(fit, n=12, shard_size=4)
    batch = resumed(scene, failed)
    for index in range(3):
        render(scene, whole, index)
    adopted = {
        index: adopt_shard(scene.machine.store, batch, index) is not None for index in range(3)
    }
    assert adopted == {0: True, 1: False, 2: True}
    for index in range(3):
        render(scene, batch, index)
    assert scene.shard_files(batch) == scene.shard_files(whole)


def test_the_earlier_batch_may_be_deleted(scene: Scene, failed: BatchRequest) -> None:
    """Adopted shards are copies. Those that were not adopted by then are rendered."""
    batch = resumed(scene, failed)
    render(scene, batch, 0)
    delete(scene.machine.store, failed)
    for index in (1, 2):
        render(scene, batch, index)
    assert scene.batch_manifest(batch.ref).status is JobStatus.SUCCEEDED
    assert len(scene.shard_files(batch)) == 12 * 4


def test_the_earlier_batch_does_not_change(scene: Scene, failed: BatchRequest) -> None:
    """Its manifest and its tars are those of before."""
    before = scene.machine.store.get(keys.job_manifest(failed.ref)), scene.shard_files(failed)
    batch = resumed(scene, failed)
    for index in range(3):
        render(scene, batch, index)
    after = scene.machine.store.get(keys.job_manifest(failed.ref)), scene.shard_files(failed)
    assert after == before
    assert set(written_tars(scene.machine.store, failed)).isdisjoint(
        written_tars(scene.machine.store, batch)
    )


def test_a_batch_that_fails_again_loses_nothing(scene: Scene, failed: BatchRequest) -> None:
    """Before it has adopted a shard, the next batch finds it in the first one."""
    again = resumed(scene, failed)
    jobs.fail_for_good(scene.machine, f"{again.ref}/0", WorkerLost("Its worker died."))
    third = resumed(scene, again)
    assert adopt_shard(scene.machine.store, third, 2) is not None


def test_a_tar_of_another_size_is_not_adopted(scene: Scene, failed: BatchRequest) -> None:
    """It is damaged; the shard is rendered."""
    tar = scene.batch_manifest(failed.ref).shards[0].tar
    scene.machine.store.put(tar.key, b"cut off")
    assert adopt_shard(scene.machine.store, resumed(scene, failed), 0) is None
