"""Real images labelled by a fit."""

import numpy as np
import pytest
import torch

from contracts.errors.jobs import InputMissing
from contracts.fits.fit import FitRequest
from contracts.recipes.recipe import PinnedFit
from models.inversion.framing import Framing
from tests.workers.scene import ALL_TASKS, PX, QUICK, Scene
from workers.fitting import fits
from workers.fitting.pairs import Pairs, read_labelset
from workers.fitting.scoring import Scorer
from workers.labeling.labeler import Expression, Labeler, LabelledImages, Unlabelled, framing_of


def ignore_step(_stage: str, _done: int, _total: int) -> None:
    """Take a step that reports nothing."""


def open_labeler(scene: Scene, fit: FitRequest) -> Labeler:
    """Open the labeler of a succeeded fit."""
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    return Labeler.open(scene.machine, fit.tenant, PinnedFit(id=fit.id, digest=digest))


def noise(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Images of random pixels."""
    return list(np.random.default_rng(3).integers(0, 256, (count, PX, PX, 3), dtype=np.uint8))


def test_held_out_images_get_the_labels_of_their_fit(scene: Scene) -> None:
    """Labels of a validation labelset's images score exactly what the fit reports as held-out."""
    validation = scene.add_labelset(num_images=5, labels=ALL_TASKS)
    fit = scene.request_fit(validation=validation, labels=ALL_TASKS)
    fits.run(scene.machine, str(fit.ref), 1)
    labelset = read_labelset(scene.machine.store, fit.tenant, validation)
    pairs = Pairs.read(scene.machine.store, labelset, fit=fit.labels, px=(PX, PX))
    scorer = Scorer(pairs.codecs, pairs.schema, pairs.px)
    expressions: list[Expression] = []
    for part in open_labeler(scene, fit).label(pairs, ignore_step):
        scorer.add(part.rendered.labels, pairs.label_tensors(part.indices))
        expressions += part.expressions
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert metrics.heldout is not None
    assert dict(scorer.metrics()).items() <= dict(metrics.heldout).items()
    psnr = [image.psnr_db for image in metrics.heldout.images]
    assert [round(one.psnr_db, 3) for one in expressions] == psnr


def test_images_are_labelled_in_micro_batches(scene: Scene) -> None:
    """Every image once, in order; steps count the inversion, then the images."""
    machine = scene.machine
    labeler = open_labeler(scene, scene.fit())
    steps: list[tuple[str, int, int]] = []
    count = machine.settings.micro_batch + 2
    parts: list[LabelledImages] = list(
        labeler.label(Unlabelled(noise(count)), lambda *step: steps.append(step))
    )
    assert [index for part in parts for index in part.indices] == list(range(count))
    assert len(parts) == 2
    assert all(part.rendered.labels["segmentation"] for part in parts)
    inverting = [(done, total) for stage, done, total in steps if stage == "inverting"]
    assert inverting[-1] == (count * 4, count * 4)
    assert steps[-1] == ("labelling", count, count)


def test_images_may_have_conditions() -> None:
    """The class of each image, for the inverter of a class-conditional generator."""
    images = Unlabelled(noise(3), (4, 5, 6))
    found = images.condition_tensor([2, 0])
    assert found is not None
    assert found.tolist() == [6, 4]
    assert Unlabelled(noise(1)).condition_tensor([0]) is None


def test_a_labeler_of_no_images_labels_nothing(scene: Scene) -> None:
    """There is no step and no part."""
    labeler = open_labeler(scene, scene.fit())
    assert list(labeler.label(Unlabelled([]), ignore_step)) == []


def test_a_flagged_image_has_a_low_expressibility(scene: Scene) -> None:
    """A score of 0.5 is the line at which a fit flags an image; noise is far below it."""
    [part] = open_labeler(scene, scene.fit()).label(Unlabelled(noise(2)), ignore_step)
    for one in part.expressions:
        assert one.is_expressible == (one.expressibility >= 0.5)
        assert one.expressibility < 0.5


def test_a_fit_that_is_gone_is_refused(scene: Scene) -> None:
    """The error names the pinned fit."""
    fit = scene.fit()
    with pytest.raises(InputMissing, match=fit.id):
        Labeler.open(scene.machine, fit.tenant, PinnedFit(id=fit.id, digest="0" * 64))


def test_images_get_the_crop_of_the_fit(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The crop of a fit with framing "center" is read from its metrics; other fits have none."""
    framing = Framing(1.25, -1 / 16, 3 / 32)
    monkeypatch.setattr("workers.fitting.inverting.find_framing", lambda _prior, _images: framing)
    for option, expected in (("center", framing), ("none", Framing())):
        request = scene.request_fit(QUICK.model_copy(update={"framing": option}))
        fits.run(scene.machine, str(request.ref), 1)
        found = framing_of(request, scene.fit_manifest(request.ref))
        torch.testing.assert_close(torch.tensor(found.box), torch.tensor(expected.box))
