"""A batch from its request to its manifest, shard by shard, in this process."""

import dataclasses
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from PIL import Image

from benchmarks.counting import CountedStore
from contracts.batches import BatchRequest, ShardRecord
from contracts.fits.fit import FitRequest
from contracts.jobs import JobStatus, ShardRef
from contracts.recipes.pilots import Pilot
from contracts.schemas import LabelSchema
from state import keys, records
from state.admission.costs import Cost
from state.batches.shards import BatchShards
from state.queues import open_queue
from tests.workers.scene import ALL_TASKS, Scene
from tests.workers.shard_files import candidates, equal_pixels
from workers.rendering import batches
from workers.rendering.label_generators import open_generator
from workers.runtime.micro_batches import MicroBatches
from workers.runtime.worker import Worker


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a succeeded fit."""
    return scene.fit()


def render(scene: Scene, batch: BatchRequest) -> None:
    """Render all shards of a batch, one after another, as one worker would."""
    for index in range(batch.num_shards):
        batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)


def queued(scene: Scene) -> list[str]:
    """Return the RQ ids in the queue of the renderers."""
    return open_queue(scene.machine.redis, "generate").get_job_ids()


@contextmanager
def latents_seen(scene: Scene, fit: FitRequest) -> Iterator[Counter[bytes]]:
    """Count every latent, as bytes, that the fit's generator maps inside the block."""
    seen: Counter[bytes] = Counter()

    def note(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        seen.update(row.numpy().tobytes() for row in inputs[0])

    hook = scene.network(fit).mapping.register_forward_pre_hook(note)
    yield seen
    hook.remove()


def test_a_worker_may_render_in_bfloat16(scene: Scene, fit: FitRequest) -> None:
    """Its pairs are nearly equal to those of float32, and the fit's network stays in float32."""
    files = {}
    for precision in ("float32", "bfloat16"):
        settings = scene.machine.settings.model_copy(update={"precision": precision})
        worker = Scene(dataclasses.replace(scene.machine, settings=settings))
        batch = worker.request_batch(fit, n=8)
        render(worker, batch)
        files[precision] = worker.shard_files(batch)
    assert files["float32"] != files["bfloat16"]
    assert equal_pixels(files["float32"], files["bfloat16"]) > 0.95
    assert open_generator(scene.machine, fit.tenant, fit.generator).precision == torch.float32


def test_the_manifest_pins_every_shard(scene: Scene, fit: FitRequest) -> None:
    """The worker that finds all records present writes it, with counts that add up."""
    batch = scene.request_batch(fit, n=7, shard_size=4)
    render(scene, batch)
    manifest = scene.batch_manifest(batch.ref)
    assert manifest.status is JobStatus.SUCCEEDED
    assert [shard.num_samples for shard in manifest.shards] == [4, 3]
    assert sum(manifest.class_pixels) == 7 * 32 * 32
    assert len(scene.shard_files(batch)) == 7 * 4


@pytest.mark.parametrize(
    ("labels", "kinds"),
    [
        (ALL_TASKS, ["mask.png", "keypoints.json", "depth.png"]),
        (ALL_TASKS.only(["keypoints"]), ["keypoints.json"]),
        (ALL_TASKS.only(["depth"]), ["depth.png"]),
    ],
)
def test_every_sample_has_a_file_for_each_task(
    scene: Scene, labels: LabelSchema, kinds: list[str]
) -> None:
    """Every sample has the same fields, and the manifest describes them. Pixels are counted for each class."""
    batch = scene.request_batch(scene.fit(labels), n=2)
    render(scene, batch)
    manifest = scene.batch_manifest(batch.ref)
    assert manifest.labels == labels
    assert len(manifest.class_pixels) == labels.num_classes
    expected = {"png", *kinds, "uncertainty.png", "json"}
    files = scene.shard_files(batch)
    assert set(files) == {f"{index:09d}.{kind}" for index in range(2) for kind in expected}
    facts = json.loads(files["000000001.json"])
    assert tuple(facts["scores"]) == labels.tasks
    assert facts["score"] == facts["scores"][labels.tasks[0]]


def test_masks_have_the_colors_of_their_classes(scene: Scene) -> None:
    """The palette is that of the labelset."""
    batch = scene.request_batch(scene.fit(ALL_TASKS), n=1)
    render(scene, batch)
    mask = Image.open(io.BytesIO(scene.shard_files(batch)["000000000.mask.png"]))
    assert (mask.getpalette() or [])[:6] == [10, 20, 30, 200, 100, 50]


def test_a_shard_rendered_twice_keeps_its_first_record(scene: Scene, fit: FitRequest) -> None:
    """A second, later rendering changes nothing."""
    batch = scene.request_batch(fit, n=8, shard_size=4)
    shard = ShardRef(batch=batch.ref, index=0)
    batches.run_shard(scene.machine, str(shard), 1)
    first = records.read(scene.machine.store, keys.shard_record(batch.ref, 0), ShardRecord)
    batches.run_shard(scene.machine, str(shard), 2)
    again = records.read(scene.machine.store, keys.shard_record(batch.ref, 0), ShardRecord)
    assert again == first


def test_a_shard_is_the_same_bytes_when_rendered_again(scene: Scene, fit: FitRequest) -> None:
    """On one machine at one precision, the digest is equal, even after the loss of the record."""
    batch = scene.request_batch(fit, n=4, shard_size=4)
    render(scene, batch)
    first = scene.batch_manifest(batch.ref).shards[0].tar.sha256
    for key in (keys.shard_record(batch.ref, 0), keys.job_manifest(batch.ref)):
        scene.machine.store.delete(key)
    render(scene, batch)
    assert scene.batch_manifest(batch.ref).shards[0].tar.sha256 == first


@pytest.mark.slow
def test_samples_do_not_depend_on_how_they_are_rendered(scene: Scene, fit: FitRequest) -> None:
    """With another micro-batch and shard size: bitwise equal latents, equal candidates, 99.9% equal label pixels."""
    one = scene.request_batch(fit, n=24, shard_size=24, drop_share=0.5)
    batches.run_pilot(scene.machine, str(one.ref), 1)
    with latents_seen(scene, fit) as first_latents:
        render(scene, one)
    settings = scene.machine.settings.model_copy(update={"micro_batch": 5})
    other = Scene(
        dataclasses.replace(scene.machine, settings=settings, micro_batches=MicroBatches(5))
    )
    two = other.request_batch(fit, n=24, shard_size=7, drop_share=0.5)
    with latents_seen(other, fit) as second_latents:
        render(other, two)
    first, second = scene.shard_files(one), other.shard_files(two)
    assert first_latents == second_latents
    assert first_latents.total() > 24  # the filter has rejected candidates
    assert candidates(first) == candidates(second)
    assert equal_pixels(first, second) >= 0.999


@pytest.mark.slow
def test_a_filter_keeps_only_certain_samples(scene: Scene, fit: FitRequest) -> None:
    """The pilot's quantile is the threshold; the counts show the dropped candidates."""
    batch = scene.request_batch(fit, n=8, shard_size=8, drop_share=0.5)
    batches.run_pilot(scene.machine, str(batch.ref), 1)
    render(scene, batch)
    key = keys.pilot("default", fit.id, batch.truncation)
    pilot = records.read(scene.machine.store, key, Pilot)
    assert pilot is not None
    shard = scene.batch_manifest(batch.ref).shards[0]
    scores = [json.loads(v)["score"] for k, v in scene.shard_files(batch).items() if ".json" in k]
    assert shard.threshold == pilot.threshold(0.5)
    assert max(scores) <= pilot.threshold(0.5) + 1e-6
    assert shard.num_candidates > shard.num_samples


def test_a_batch_without_its_pilot_fails(scene: Scene, fit: FitRequest) -> None:
    """A shard never renders with another threshold than the pilot's."""
    batch = scene.request_batch(fit, n=4, drop_share=0.1)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    error = scene.batch_manifest(batch.ref).error
    assert error is not None
    assert error.code == "input_missing"


def test_a_finished_shard_reports_the_progress_of_its_batch(scene: Scene, fit: FitRequest) -> None:
    """Even a fast shard reports progress, so a batch of many small shards shows some."""
    batch = scene.request_batch(fit, n=7, shard_size=4)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    progress = scene.machine.ledger.live(batch.ref).progress
    assert progress is not None
    assert (progress.stage, progress.done, progress.total) == ("rendering", 4, 7)


@pytest.mark.usefixtures("signals")
def test_a_worker_lets_the_next_shard_in(scene: Scene, fit: FitRequest) -> None:
    """RQ has two shards at a time, however many the batch has, and one worker renders them all."""
    batch = scene.request_batch(fit, n=5, shard_size=1)
    batches.queue(scene.machine, batch)
    assert [rq_id.split("-")[1] for rq_id in queued(scene)] == ["000000", "000001"]
    Worker("generate", scene.machine).work(burst=True)
    assert scene.batch_manifest(batch.ref).num_samples == 5


def test_the_other_shards_of_a_failed_batch_leave(scene: Scene, fit: FitRequest) -> None:
    """Its manifest is written, so they would end at once, one after another."""
    batch = scene.request_batch(fit, n=9, drop_share=0.1, shard_size=1)
    cost = Cost(1.0)
    scene.machine.admission.put_shards(batch.ref, range(9), cost)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)  # has no pilot
    assert scene.batch_manifest(batch.ref).status is JobStatus.FAILED
    assert scene.machine.admission.waiting("generate").shards == {}
    assert queued(scene) == []


def test_a_shard_is_measured(scene: Scene, fit: FitRequest) -> None:
    """The next batches of the fit are predicted from it."""
    batch = scene.request_batch(fit, n=4, shard_size=4)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    shard = scene.batch_manifest(batch.ref).shards[0]
    cost = scene.machine.admission.costs.of_samples(fit.id, 4)
    assert cost.seconds == pytest.approx(shard.render_seconds)
    assert cost.num_bytes == pytest.approx(shard.tar.num_bytes)


def test_a_finished_shard_lists_nothing(scene: Scene, fit: FitRequest) -> None:
    """Its requests to the store do not grow with the batch: Redis counts the finished shards."""
    costs = []
    for num_shards in (5, 10, 2_000):  # the first one loads the networks
        store = CountedStore(scene.machine.store.objects)
        one = Scene(dataclasses.replace(scene.machine, store=store))
        batch = one.request_batch(fit, n=num_shards, shard_size=1)
        batches.queue(one.machine, batch)
        BatchShards(store, one.machine.ledger, batch).correct(range(2, num_shards))
        with store.counting() as requests:
            batches.run_shard(one.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
        costs.append(requests)
    assert costs[1] == costs[2]
    assert costs[1]["list"] == 0


def test_a_shard_without_its_record_is_rendered_again(scene: Scene, fit: FitRequest) -> None:
    """Redis counts it as finished; the store does not confirm it at the end, so it returns to the queue."""
    batch = scene.request_batch(fit, n=12, shard_size=4)
    for index in (0, 1):
        batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)
    scene.machine.store.delete(keys.shard_record(batch.ref, 1))
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=2)), 1)
    assert not records.has_ended(scene.machine.store, batch.ref)
    assert [rq_id.split("-")[1] for rq_id in queued(scene)] == ["000001"]


def test_a_cancelled_batch_ends_at_its_next_shard(scene: Scene, fit: FitRequest) -> None:
    """The next shard is not rendered. The manifest pins those that are finished."""
    batch = scene.request_batch(fit, n=8, shard_size=4)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    scene.cancel(batch.ref)
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=1)), 1)
    manifest = scene.batch_manifest(batch.ref)
    assert manifest.status is JobStatus.CANCELLED
    assert [shard.index for shard in manifest.shards] == [0]


def test_a_deleted_batch_is_left_alone(scene: Scene, fit: FitRequest) -> None:
    """After the tombstone no object is written."""
    batch = scene.request_batch(fit, n=4, shard_size=4)
    prefix = keys.job_prefix(batch.ref)
    tombstone = keys.job_tombstone(batch.ref)
    records.delete_objects(
        scene.machine.store,
        prefix,
        tombstone_key=tombstone,
        first=keys.job_request(batch.ref),
    )
    render(scene, batch)
    assert [each.key for each in scene.machine.store.list(prefix)] == [tombstone]


def test_a_batch_reports_its_start_once(scene: Scene, fit: FitRequest) -> None:
    """Each shard is a separate start, but there is one status event."""
    batch = scene.request_batch(fit, n=8, shard_size=4)
    render(scene, batch)
    events = scene.machine.ledger.events(batch.ref)
    assert [event.data["status"] for event in events if event.type == "status"] == ["running"]
