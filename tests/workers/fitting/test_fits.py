"""A fit from its request to its manifest, in this process."""

import dataclasses
from collections.abc import Iterator

import pytest
import safetensors.torch
import torch

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus
from contracts.recipes.recipe import PinnedFit
from models.inversion.framing import Framing, reframe_images
from models.labels.label_generator import to_bytes
from models.sampling import RandomDraws
from tests.workers.scene import ALL_TASKS, LABELS, QUICK, Scene
from workers.codecs.images import decode_image
from workers.codecs.lettering import draw_legend
from workers.codecs.registry import TASKS
from workers.fitting import fits
from workers.fitting.sheets import GAP_PX, HEADING_PX, legend_of
from workers.rendering.label_generators import open_label_generator
from workers.runtime.pulse import Drained


def test_a_fit_ends_with_a_label_generator(scene: Scene) -> None:
    """The manifest pins ensemble, codes and sheet of one attempt."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    manifest = scene.fit_manifest(fit.ref)
    assert manifest.status is JobStatus.SUCCEEDED
    assert manifest.ensemble is not None
    assert manifest.latents is not None
    assert f"attempts/{manifest.attempt}/" in manifest.ensemble.tensors.key
    codes = safetensors.torch.load(scene.machine.store.get(manifest.latents.key))
    assert codes["codes"].shape[0] == 4


def test_a_fit_learns_every_requested_task(scene: Scene) -> None:
    """Masks, keypoints and depth are learned together, and scored on training and held-out images."""
    held_out = scene.add_labelset(num_images=2, labels=ALL_TASKS)
    fit = scene.request_fit(validation=held_out, labels=ALL_TASKS)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    for scores in (metrics.training, metrics.heldout):
        assert scores is not None
        assert scores.ece is not None
        assert scores.keypoints is not None
        assert set(scores.keypoints.point_pck) == {"head_top", "chin"}
        assert scores.depth is not None
        assert scores.depth.rmse is not None


@pytest.mark.parametrize(("kind", "rank"), [("compact", 5), ("paper", None)])
def test_both_kinds_of_ensemble_can_be_stored_and_loaded(
    scene: Scene, kind: str, rank: int | None
) -> None:
    """A compact ensemble of three tasks and the paper's are loaded from the store, and render labels."""
    ensemble = QUICK.ensemble.model_copy(update={"kind": kind, "rank": 5})
    options = QUICK.model_copy(update={"ensemble": ensemble})
    fit = scene.request_fit(options, labels=ALL_TASKS)
    fits.run(scene.machine, str(fit.ref), 1)
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    pinned = PinnedFit(id=fit.id, digest=digest)
    label_generator = open_label_generator(scene.machine, DEFAULT_TENANT, pinned)
    assert label_generator.ensemble.config.rank == rank
    codes = label_generator.generator.sample(RandomDraws.seeded(0, 1))
    rendered = label_generator.render(codes)
    assert rendered.labels["depth"]["depth"].isfinite().all()


def test_a_fit_of_one_task_ignores_the_other_labels(scene: Scene) -> None:
    """It learns depth alone from a labelset with three tasks, and is scored on depth alone."""
    whole = scene.add_labelset(labels=ALL_TASKS)
    fit = scene.request_fit(labelset=whole, validation=whole, labels=ALL_TASKS.only(["depth"]))
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.depth is not None
    assert (metrics.heldout.miou, metrics.heldout.keypoints) == (None, None)


def test_a_validation_labelset_may_lack_a_task(scene: Scene) -> None:
    """Only the tasks with labels are scored."""
    masks_alone = scene.add_labelset(num_images=2)
    fit = scene.request_fit(validation=masks_alone, labels=ALL_TASKS)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.miou is not None
    assert (metrics.heldout.keypoints, metrics.heldout.depth) == (None, None)


def test_the_sheet_shows_every_image(scene: Scene) -> None:
    """There is a row of 128 px for each of the four images, below the legend and the titles."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    sheet = scene.fit_manifest(fit.ref).sheet
    assert sheet is not None
    pixels = decode_image(scene.machine.store.get(sheet.key))
    legend = draw_legend(legend_of(TASKS[:1], LABELS), pixels.shape[1])
    assert pixels.shape[0] == len(legend) + HEADING_PX + 4 * 128 + 3 * GAP_PX


def test_held_out_images_are_scored_by_class(scene: Scene) -> None:
    """The metrics of the validation labelset have every class by name."""
    fit = scene.request_fit(validation=scene.add_labelset(num_images=2))
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.num_images == 2
    assert set(metrics.heldout.class_iou) == set(LABELS.classes)
    assert metrics.heldout.class_images == dict.fromkeys(LABELS.classes, 2)
    assert metrics.heldout.class_intervals == dict.fromkeys(LABELS.classes)
    assert {"inverting", "training", "labelling"} <= set(metrics.stage_seconds)


def test_the_curve_of_the_training_is_kept(scene: Scene) -> None:
    """It ends at the last step."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    steps = [point.step for point in metrics.training_curve]
    assert steps == sorted(set(steps))
    assert steps[-1] == fit.options.ensemble.steps


@pytest.fixture
def small_device(scene: Scene) -> Iterator[list[int]]:
    """Simulate a device that fits at most two images; return the sizes that were tried."""
    sizes: list[int] = []

    def refuse(_: torch.nn.Module, inputs: tuple[torch.Tensor | None, torch.Tensor, str]) -> None:
        sizes.append(len(inputs[1]))
        if len(inputs[1]) > 2:
            raise torch.OutOfMemoryError

    generator = scene.network(scene.request_fit())
    hook = generator.blocks[-1].register_forward_pre_hook(refuse)
    yield sizes
    hook.remove()


def test_a_fit_succeeds_on_a_small_device(scene: Scene, small_device: list[int]) -> None:
    """Both measurements of samples, inversion, training and labelling each continue with fewer images at once."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    assert scene.fit_manifest(fit.ref).status is JobStatus.SUCCEEDED
    assert small_device.count(4) == 5


def test_features_are_cached_in_the_memory_of_the_settings(scene: Scene) -> None:
    """Without room for one image they are synthesised again during training; with room, once."""
    counts = []
    for num_bytes in (1, 1 << 20):
        settings = scene.machine.settings.model_copy(update={"feature_cache_bytes": num_bytes})
        worker = Scene(dataclasses.replace(scene.machine, settings=settings))
        fit = worker.request_fit()
        generator = worker.network(fit)
        counts.append(0)

        def count(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            counts[-1] += len(inputs[1])

        hook = generator.blocks[0].register_forward_pre_hook(count)
        fits.run(worker.machine, str(fit.ref), 1)
        hook.remove()
    uncached, cached = counts
    assert uncached > cached + 20


def test_a_mask_of_ignored_pixels_ends_the_fit_before_the_long_work(
    scene: Scene, small_device: list[int]
) -> None:
    """The message names the image, the error is not retryable, and no image was inverted."""
    fit = scene.request_fit(labelset=scene.add_labelset(is_labelled=False))
    fits.run(scene.machine, str(fit.ref), 1)
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert "image-0" in error.detail
    assert not error.retryable
    assert small_device == []


def test_held_out_images_without_labels_have_no_score(scene: Scene) -> None:
    """Without labels to compare with, the fit succeeds, and its held-out score is None."""
    fit = scene.request_fit(validation=scene.add_labelset(is_labelled=False))
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.miou is None


def test_a_cancelled_fit_ends_before_it_begins(scene: Scene) -> None:
    """Nothing is computed for a cancelled job."""
    fit = scene.request_fit()
    scene.cancel(fit.ref)
    fits.run(scene.machine, str(fit.ref), 1)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_fit_without_its_labelset_fails(scene: Scene) -> None:
    """A wrong input is not a machine failure: the fit fails at once, without a retry."""
    fit = scene.request_fit()
    for each in list(scene.machine.store.list(f"tenants/default/labelsets/{fit.labelset.id}")):
        scene.machine.store.delete(each.key)
    fits.run(scene.machine, str(fit.ref), 1)
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert error.code == "input_missing"
    assert fit.labelset.id in error.detail
    assert not error.retryable


def test_the_same_request_gives_the_same_label_generator(scene: Scene) -> None:
    """The same images, options and seed on one machine give the same digest."""
    labelset = scene.add_labelset()
    requests = [scene.request_fit(labelset=labelset) for _ in range(2)]
    for fit in requests:
        fits.run(scene.machine, str(fit.ref), 1)
    first, second = (scene.fit_manifest(fit.ref).digest for fit in requests)
    assert first == second


def test_the_first_manifest_stays(scene: Scene) -> None:
    """A second, late run changes nothing."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    first = scene.fit_manifest(fit.ref)
    fits.run(scene.machine, str(fit.ref), 2)
    assert scene.fit_manifest(fit.ref) == first


def test_a_draining_worker_leaves_the_fit_unfinished(scene: Scene) -> None:
    """The job returns to its queue, without a manifest and without an artefact."""
    fit = scene.request_fit()
    scene.machine.pulse.drain()
    with pytest.raises(Drained):
        fits.run(scene.machine, str(fit.ref), 1)
    assert [each.key for each in scene.machine.store.list(f"tenants/default/fits/{fit.id}")] == [
        f"tenants/default/fits/{fit.id}/request.json"
    ]


def test_images_with_another_framing_are_reported_or_cropped(scene: Scene) -> None:
    """The images are shrunk and shifted samples: advice reports it, or the fit crops them."""
    generator = scene.network(scene.request_fit())
    samples = generator(torch.randn(8, 16, generator=torch.Generator().manual_seed(0)))
    moved = to_bytes(reframe_images(samples.clamp(-1, 1), Framing(0.8, 0.125, 0.0))).numpy()
    labelset = scene.add_labelset(8, images=list(moved))
    uncropped = scene.request_fit(labelset=labelset)
    centered = scene.request_fit(QUICK.model_copy(update={"framing": "center"}), labelset=labelset)
    is_advised = []
    for fit in (uncropped, centered):
        fits.run(scene.machine, str(fit.ref), 1)
        metrics = scene.fit_manifest(fit.ref).metrics
        assert metrics is not None
        assert metrics.framing is not None
        is_advised.append(any("framed differently" in line for line in metrics.advice))
    assert is_advised == [True, False]
