"""A batch with targets: from its pilot to its manifest, in this process."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from contracts.batches import BatchRequest
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.jobs import JobStatus, ShardRef
from contracts.recipes.pilots import TargetPlan
from contracts.recipes.recipe import Recipe
from contracts.recipes.targets import DirectionTarget, DistributionTarget, PresenceTarget, Target
from contracts.streams import StreamRef, StreamRequest
from models.targets.assignment import Assignment
from state import keys, records
from state.planning import pilot_samples_key, plan_key
from tests.workers.scene import Scene
from tests.workers.shard_files import candidates, equal_pixels
from workers.rendering import batches, pilot_samples
from workers.rendering.pilot_samples import PilotSamples, pilot_renderer
from workers.rendering.shards import ShardSpec, render_shard
from workers.runtime.micro_batches import MicroBatches

NUM_SAMPLES = 64
Reached = Callable[[float], float]


@pytest.fixture
def scene(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a scene whose pilots have 64 samples."""
    monkeypatch.setattr(pilot_samples, "NUM_SAMPLES", NUM_SAMPLES)
    return scene


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a succeeded fit."""
    return scene.fit()


@pytest.fixture
def reached(scene: Scene, fit: FitRequest) -> Reached:
    """Return the share of 'left' that a share of the samples reaches: a class of any frequency."""
    plain = scene.request_batch(fit)
    samples = PilotSamples(scene.machine, plain)
    samples.measure(pilot_renderer(scene.machine, plain), lambda *_: None, None)
    samples.keep()
    left = samples.shares[:, 0].double()
    assert left.std() > 0.001, "the labels of this generator vary"
    return lambda frequency: float(torch.quantile(left, 1 - frequency))


def presence(min_pixels: float, images: float = 0.5) -> PresenceTarget:
    """Return a target of class 'left'."""
    return PresenceTarget(kind="presence", class_name="left", images=images, min_pixels=min_pixels)


def request(
    scene: Scene,
    fit: FitRequest,
    *,
    targets: Sequence[Target] = (),
    **own: Any,
) -> BatchRequest:
    """Store the request of a batch with targets."""
    batch = scene.request_batch(fit, **own).model_copy(update={"targets": tuple(targets)})
    records.write(scene.machine.store, keys.job_request(batch.ref), batch)
    return batch


def run(scene: Scene, batch: BatchRequest) -> dict[str, bytes]:
    """Run the pilot and all shards of a batch; return its files."""
    batches.run_pilot(scene.machine, str(batch.ref), 1)
    for index in range(batch.num_shards):
        batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)
    return scene.shard_files(batch)


def left_shares(files: dict[str, bytes]) -> list[float]:
    """Return the share of 'left' of each sample, by index."""
    facts = [json.loads(data) for name, data in sorted(files.items()) if name.endswith(".json")]
    return [fact["class_fractions"]["left"] for fact in facts]


def test_each_sample_meets_its_target(scene: Scene, fit: FitRequest, reached: Reached) -> None:
    """Exactly the assigned samples contain the class, and the manifest counts samples, candidates and codes."""
    least = reached(0.3)
    batch = request(scene, fit, n=12, targets=[presence(least)])
    shares = left_shares(run(scene, batch))
    assigned = [Assignment(batch.seed, [[0.5]]).of(index)[0] for index in range(12)]
    assert [share >= least - 1e-5 for share in shares] == assigned
    manifest = scene.batch_manifest(batch.ref)
    (result,) = manifest.targets
    assert (result.class_name, result.images, result.num_images) == ("left", 0.5, sum(assigned))
    assert manifest.num_codes is not None
    assert manifest.num_codes >= manifest.num_candidates >= manifest.num_samples == 12


def test_samples_do_not_depend_on_shards_or_micro_batches(
    scene: Scene, fit: FitRequest, reached: Reached
) -> None:
    """A batch in shards of 5 with 3 images at once, and a stream, have the candidates of one shard with 16."""
    targets = [presence(reached(0.3))]
    whole = request(scene, fit, n=10, shard_size=10, targets=targets)
    expected = run(scene, whole)
    other = Scene(dataclasses.replace(scene.machine, micro_batches=MicroBatches(3)))
    parts = request(other, fit, n=10, shard_size=5, targets=targets)
    files = run(other, parts)
    assert candidates(files) == candidates(expected)
    assert equal_pixels(files, expected) > 0.99
    shared = parts.model_dump(include=set(Recipe.model_fields) - {"id"})
    stream = StreamRequest(id=new_id("stream"), **shared)
    record = render_shard(
        scene.machine,
        stream,
        ShardSpec(StreamRef(tenant=stream.tenant, id=stream.id), 1, stream.samples(1)),
        on_step=lambda _: None,
    )
    (same,) = [one for one in scene.batch_manifest(parts.ref).shards if one.index == 1]
    assert record.num_codes == same.num_codes
    assert record.target_images == same.target_images


def test_a_resumed_batch_has_the_same_samples(
    scene: Scene, fit: FitRequest, reached: Reached
) -> None:
    """One that adopts a finished shard equals one that was never interrupted."""
    targets = [presence(reached(0.3))]
    whole = request(scene, fit, n=8, targets=targets)
    expected = run(scene, whole)
    stopped = request(scene, fit, n=8, targets=targets)
    batches.run_shard(scene.machine, str(ShardRef(batch=stopped.ref, index=0)), 1)
    again = stopped.model_copy(update={"id": new_id("batch"), "resumes": (stopped.id,)})
    records.write(scene.machine.store, keys.job_request(again.ref), again)
    assert run(scene, again) == expected
    first, second = (scene.batch_manifest(one.ref) for one in (whole, again))
    assert first.targets == second.targets
    assert first.num_codes == second.num_codes


def test_a_plan_is_measured_once(scene: Scene, fit: FitRequest, reached: Reached) -> None:
    """Other targets use the samples of the pilot; the same targets use the plan."""
    least, store = reached(0.3), scene.machine.store
    seen: list[int] = []
    hook = scene.network(fit).blocks[0].register_forward_pre_hook(lambda *_: seen.append(1))
    first = request(scene, fit, targets=[presence(least)])
    other = request(scene, fit, targets=[presence(least, images=0.25)])
    for batch in (first, other):
        batches.run_pilot(scene.machine, str(batch.ref), 1)
        assert records.read(store, plan_key(batch), TargetPlan) is not None
    hook.remove()
    assert seen == []
    assert plan_key(first) != plan_key(other)
    before = store.get(plan_key(first))
    again = request(scene, fit, targets=[presence(least)])
    batches.run_pilot(scene.machine, str(again.ref), 1)
    assert store.get(plan_key(again)) == before


def test_a_distribution_has_one_class_in_each_sample(
    scene: Scene, fit: FitRequest, reached: Reached
) -> None:
    """And the rest has none of them. 'left' and 'right' share all pixels, so their least shares exclude each other."""
    least = reached(0.3)
    target = DistributionTarget(
        kind="distribution",
        images={"left": 0.25, "right": 0.5},
        min_pixels={"left": least, "right": 1 - reached(0.7)},
    )
    batch = request(scene, fit, n=8, targets=[target])
    run(scene, batch)
    achieved = {one.class_name: one.num_images for one in scene.batch_manifest(batch.ref).targets}
    assigned = [Assignment(batch.seed, [[0.25, 0.5]]).of(index) for index in range(8)]
    expected = {name: sum(one[place] for one in assigned) for place, name in enumerate(achieved)}
    assert achieved == expected
    assert list(achieved) == ["left", "right"]


@pytest.mark.parametrize("case", ["never", "together"])
def test_targets_that_are_hardly_ever_met_fail_in_the_pilot(
    scene: Scene, fit: FitRequest, reached: Reached, case: str
) -> None:
    """The message has the counts of the pilot, so the customer knows what to change; no shard is rendered."""
    right = PresenceTarget(
        kind="presence", class_name="right", images=1.0, min_pixels=1 - reached(0.5)
    )
    targets: list[Target] = (
        [presence(0.999)] if case == "never" else [presence(reached(0.4), images=1.0), right]
    )
    batch = request(scene, fit, targets=targets)
    batches.run_pilot(scene.machine, str(batch.ref), 1)
    manifest = scene.batch_manifest(batch.ref)
    assert manifest.status is JobStatus.FAILED
    assert manifest.error is not None
    assert manifest.error.code == "acceptance_too_low"
    expected = {
        "never": "Its 64 samples contain 'left' (at least 99.90% of the pixels) in 0.",
        "together": "none of the pilot's 64 samples is with 'left' and with 'right'",
    }
    assert expected[case] in manifest.error.detail
    assert manifest.num_shards == 0


def test_a_direction_moves_every_sample(scene: Scene, fit: FitRequest, reached: Reached) -> None:
    """More of a class has more of its pixels than less of it; a filter measures the moved samples."""
    assert reached(0.5) > 0
    means = {}
    for kind in ("less", "more"):
        target = DirectionTarget(kind=kind, class_name="left", strength=2)
        batch = request(scene, fit, n=8, targets=[target])
        shares = left_shares(run(scene, batch))
        means[kind] = sum(shares) / len(shares)
    assert means["more"] > means["less"]
    filtered = request(scene, fit, drop_share=0.5, targets=[target])
    plain = scene.request_batch(fit, drop_share=0.5)
    batches.run_pilot(scene.machine, str(filtered.ref), 1)
    assert pilot_samples_key(filtered) != pilot_samples_key(plain)
    assert scene.machine.store.head(pilot_samples_key(filtered)) is not None


def test_a_batch_without_targets_has_no_counts_of_them(scene: Scene, fit: FitRequest) -> None:
    """Its records are as those of earlier versions."""
    batch = request(scene, fit, n=4)
    run(scene, batch)
    manifest = scene.batch_manifest(batch.ref)
    assert (manifest.targets, manifest.num_codes) == ((), None)
    assert manifest.shards[0].target_images == ()
