"""A fit from its request to its manifest, in this process."""

import dataclasses
from collections.abc import Iterator

import pytest
import safetensors.torch
import torch

from contracts.batches import PinnedFit
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus
from models.inversion.framing import Framing, reframe_images
from models.labels.label_generator import to_bytes
from models.sampling import RandomDraws
from tests.workers.scene import ALL_KINDS, LABELS, QUICK, Scene
from workers.codecs.images import decode_image
from workers.codecs.lettering import draw_legend
from workers.codecs.registry import TASKS
from workers.fitting import fits
from workers.fitting.sheets import GAP_PX, HEADING_PX, legend_of
from workers.rendering.label_generators import open_label_generator
from workers.runtime.pulse import Drained


def test_a_fit_ends_with_a_label_generator(scene: Scene) -> None:
    """The manifest pins ensemble, codes and sheet, all of one attempt."""
    fit = scene.ask_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    manifest = scene.fit_manifest(fit.ref)
    assert manifest.status is JobStatus.SUCCEEDED
    assert manifest.ensemble is not None
    assert manifest.latents is not None
    assert f"attempts/{manifest.attempt}/" in manifest.ensemble.tensors.key
    codes = safetensors.torch.load(scene.machine.store.get(manifest.latents.key))
    assert codes["codes"].shape[0] == 4


def test_a_fit_learns_every_task_that_it_was_asked_for(scene: Scene) -> None:
    """Masks, keypoints and depth at once, each scored on the images it trained on and on held-out ones."""
    held_out = scene.add_labelset(num_images=2, labels=ALL_KINDS)
    fit = scene.ask_fit(validation=held_out, labels=ALL_KINDS)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    for found in (metrics.training, metrics.heldout):
        assert found is not None
        assert found.ece is not None
        assert found.keypoints is not None
        assert set(found.keypoints.point_pck) == {"head_top", "chin"}
        assert found.depth is not None
        assert found.depth.rmse is not None


@pytest.mark.parametrize(("kind", "rank"), [("compact", 5), ("paper", None)])
def test_both_kinds_of_ensemble_are_stored_and_found(
    scene: Scene, kind: str, rank: int | None
) -> None:
    """A compact fit of three tasks comes back from the store as such, and labels; so does the paper's."""
    ensemble = QUICK.ensemble.model_copy(update={"kind": kind, "rank": 5})
    options = QUICK.model_copy(update={"ensemble": ensemble})
    fit = scene.ask_fit(options, labels=ALL_KINDS)
    fits.run(scene.machine, str(fit.ref), 1)
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    pinned = PinnedFit(id=fit.id, digest=digest)
    found = open_label_generator(scene.machine, DEFAULT_TENANT, pinned)
    assert found.ensemble.config.rank == rank
    rendered = found.render(found.generator.sample(RandomDraws.seeded(0, 1)))
    assert rendered.labels["depth"]["depth"].isfinite().all()


def test_a_fit_of_some_tasks_passes_over_the_other_labels(scene: Scene) -> None:
    """Depth alone, of a labelset that has all three, held out on one that has masks too."""
    whole = scene.add_labelset(labels=ALL_KINDS)
    fit = scene.ask_fit(labelset=whole, validation=whole, labels=ALL_KINDS.only(["depth"]))
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.depth is not None
    assert (metrics.heldout.miou, metrics.heldout.keypoints) == (None, None)


def test_a_validation_labelset_may_lack_a_task(scene: Scene) -> None:
    """What it has labels for is scored, the rest is not."""
    masks_alone = scene.add_labelset(num_images=2)
    fit = scene.ask_fit(validation=masks_alone, labels=ALL_KINDS)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.miou is not None
    assert (metrics.heldout.keypoints, metrics.heldout.depth) == (None, None)


def test_the_sheet_shows_every_image(scene: Scene) -> None:
    """A row of 128 px for each of the four images, below the legend and the titles."""
    fit = scene.ask_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    sheet = scene.fit_manifest(fit.ref).sheet
    assert sheet is not None
    pixels = decode_image(scene.machine.store.get(sheet.key))
    legend = draw_legend(legend_of(TASKS[:1], LABELS), pixels.shape[1])
    assert pixels.shape[0] == len(legend) + HEADING_PX + 4 * 128 + 3 * GAP_PX


def test_held_out_images_are_scored_by_class(scene: Scene) -> None:
    """The validation labelset appears in the metrics with every class by name."""
    fit = scene.ask_fit(validation=scene.add_labelset(num_images=2))
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.num_images == 2
    assert set(metrics.heldout.class_iou) == set(LABELS.classes)
    assert {"inverting", "training", "labelling"} <= set(metrics.stage_seconds)


@pytest.fixture
def small_device(scene: Scene) -> Iterator[list[int]]:
    """A device too small for more than two images at once; the numbers that were tried."""
    tried: list[int] = []

    def refuse(_: torch.nn.Module, given: tuple[torch.Tensor | None, torch.Tensor, str]) -> None:
        tried.append(len(given[1]))
        if len(given[1]) > 2:
            raise torch.OutOfMemoryError

    generator = scene.network(scene.ask_fit())
    hook = generator.blocks[-1].register_forward_pre_hook(refuse)
    yield tried
    hook.remove()


def test_a_fit_goes_on_when_the_device_is_small(scene: Scene, small_device: list[int]) -> None:
    """Both measurements of samples, inversion, training and labelling each go on with fewer images at once."""
    fit = scene.ask_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    assert scene.fit_manifest(fit.ref).status is JobStatus.SUCCEEDED
    assert small_device.count(4) == 5


def test_features_are_kept_in_the_memory_that_the_operator_gives(scene: Scene) -> None:
    """Without room for one image they are synthesised again during training; with room, once."""
    made = []
    for num_bytes in (1, 1 << 20):
        settings = scene.machine.settings.model_copy(update={"feature_cache_bytes": num_bytes})
        worker = Scene(dataclasses.replace(scene.machine, settings=settings))
        fit = worker.ask_fit()
        generator = worker.network(fit)
        made.append(0)

        def count(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            made[-1] += len(given[1])

        hook = generator.blocks[0].register_forward_pre_hook(count)
        fits.run(worker.machine, str(fit.ref), 1)
        hook.remove()
    anew, once = made
    assert anew > once + 20


def test_a_mask_of_ignored_pixels_ends_the_fit_before_the_long_work(
    scene: Scene, small_device: list[int]
) -> None:
    """The image is named, no retry is asked for, and nothing has been inverted in vain."""
    fit = scene.ask_fit(labelset=scene.add_labelset(is_labelled=False))
    fits.run(scene.machine, str(fit.ref), 1)
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert "image-0" in error.detail
    assert not error.retryable
    assert small_device == []


def test_held_out_images_without_labels_have_no_score(scene: Scene) -> None:
    """There is nothing to compare with: the fit succeeds, and its held-out score is none rather than a number."""
    fit = scene.ask_fit(validation=scene.add_labelset(is_labelled=False))
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert metrics.heldout.miou is None


def test_a_cancelled_fit_ends_before_it_begins(scene: Scene) -> None:
    """Nothing is computed for a cancelled job."""
    fit = scene.ask_fit()
    scene.cancel(fit.ref)
    fits.run(scene.machine, str(fit.ref), 1)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_a_fit_whose_labelset_is_gone_fails_and_says_so(scene: Scene) -> None:
    """A wrong input is no trouble of the machine: it fails at once, and for good."""
    fit = scene.ask_fit()
    for found in list(scene.machine.store.list(f"tenants/default/labelsets/{fit.labelset.id}")):
        scene.machine.store.delete(found.key)
    fits.run(scene.machine, str(fit.ref), 1)
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert error.code == "input_missing"
    assert fit.labelset.id in error.detail
    assert not error.retryable


def test_the_same_request_makes_the_same_label_generator(scene: Scene) -> None:
    """Same images, options and seed on one machine: the same digest, so a batch of either is the same batch."""
    labelset = scene.add_labelset()
    made = [scene.ask_fit(labelset=labelset) for _ in range(2)]
    for fit in made:
        fits.run(scene.machine, str(fit.ref), 1)
    first, second = (scene.fit_manifest(fit.ref).digest for fit in made)
    assert first == second


def test_the_first_manifest_stands(scene: Scene) -> None:
    """A late twin of a killed worker changes nothing."""
    fit = scene.ask_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    first = scene.fit_manifest(fit.ref)
    fits.run(scene.machine, str(fit.ref), 2)
    assert scene.fit_manifest(fit.ref) == first


def test_a_draining_worker_leaves_the_fit_unfinished(scene: Scene) -> None:
    """The job goes back to its queue: no manifest, no artefact."""
    fit = scene.ask_fit()
    scene.machine.pulse.drain()
    with pytest.raises(Drained):
        fits.run(scene.machine, str(fit.ref), 1)
    assert [found.key for found in scene.machine.store.list(f"tenants/default/fits/{fit.id}")] == [
        f"tenants/default/fits/{fit.id}/request.json"
    ]


def test_images_framed_otherwise_are_told_or_cropped(scene: Scene) -> None:
    """The generator's own samples, made smaller and moved: a sentence says so, or the fit sees the part that fits."""
    generator = scene.network(scene.ask_fit())
    samples = generator(torch.randn(8, 16, generator=torch.Generator().manual_seed(0)))
    moved = to_bytes(reframe_images(samples.clamp(-1, 1), Framing(0.8, 0.125, 0.0))).numpy()
    labelset = scene.add_labelset(8, images=list(moved))
    told = scene.ask_fit(labelset=labelset)
    centred = scene.ask_fit(QUICK.model_copy(update={"framing": "center"}), labelset=labelset)
    found = []
    for fit in (told, centred):
        fits.run(scene.machine, str(fit.ref), 1)
        metrics = scene.fit_manifest(fit.ref).metrics
        assert metrics is not None
        assert metrics.framing is not None
        found.append(any("framed otherwise" in line for line in metrics.advice))
    assert found == [True, False]
