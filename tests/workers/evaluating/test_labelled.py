"""The arm `labelled`: own images with labels of the fit, from a labeling that a worker has made."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from contracts.evaluations.evaluation import EvaluationUnit
from contracts.jobs import JobRef, JobStatus
from contracts.labelings import LabelingManifest, LabelingRequest
from contracts.schemas import LabelSchema
from models.arrays import IGNORE_INDEX
from models.downstream.pairs import Pairs
from state import keys, records
from tests.workers.evaluating.conftest import QUICK, Evaluating
from tests.workers.labeling.labeling_scene import files_of, picture
from tests.workers.rendering.test_mask_options import uncertain_fit
from tests.workers.scene import ALL_TASKS, LABELS, PX
from workers.codecs.segmentation import decode_mask
from workers.evaluating import units
from workers.evaluating.gathering import RealPairs, as_training_pairs
from workers.evaluating.labelled import are_copies, read_labelled
from workers.evaluating.scoring import ImageScores
from workers.runtime.artefacts import read_artefact
from workers.runtime.jobs import Run

LABELLED = QUICK.model_copy(update={"arms": ("real", "mixed", "labelled"), "num_seeds": 2})


def noise(seed: int, index: int) -> np.ndarray:
    """Return image `index` of `Evaluating.labelset` with this seed."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.integers(0, 256, (6, PX, PX, 3), dtype=np.uint8)[index])


def own(count: int) -> dict[str, bytes]:
    """Return images that are not held out, by name."""
    return {f"{index:02d}.png": picture(100 + index) for index in range(count)}


def encoded(pixels: np.ndarray, file_format: str) -> bytes:
    """Return pixels as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format, quality=95, subsampling=0)
    return file.getvalue()


def pairs_of(
    evaluating: Evaluating, labeling: LabelingRequest, *, px: int = PX, labels: LabelSchema = LABELS
) -> Pairs:
    """Return the pairs that networks of this size train on."""
    request = evaluating.request(LABELLED, labeling=labeling, labels=labels)
    run = Run(evaluating.scene.machine, JobRef(tenant=request.tenant, id=request.id))
    heldout = as_training_pairs(RealPairs.of(run, request).read(request.heldout_labelset, (px, px)))
    assert request.labeling is not None
    return read_labelled(run, request, request.labeling, heldout)


def shard_files(evaluating: Evaluating, labeling: LabelingRequest) -> dict[str, bytes]:
    """Return the files of all shards of a labeling."""
    manifest = records.read_manifest(evaluating.scene.machine.store, labeling.ref, LabelingManifest)
    assert manifest is not None
    return files_of(evaluating.scene, manifest)


def test_pairs_are_those_of_the_shards(evaluating: Evaluating) -> None:
    """Pair i has the pixels and the mask of the labeling's sample i, over all shards."""
    labeling = evaluating.label(own(6))
    files = shard_files(evaluating, labeling)
    pairs = pairs_of(evaluating, labeling)
    assert len(pairs) == 6
    for index in range(6):
        image = np.asarray(Image.open(io.BytesIO(files[f"{index:09d}.png"])))
        assert np.array_equal(pairs.images[index].permute(1, 2, 0).numpy(), image)
        mask = decode_mask(files[f"{index:09d}.mask.png"])
        assert np.array_equal(pairs.labels["segmentation"][index].numpy(), mask)


def test_all_tasks_have_the_format_of_real_labels(evaluating: Evaluating) -> None:
    """Points have their visibility in the third column, not a confidence; depth is in its unit."""
    labels = pairs_of(evaluating, evaluating.label(own(2)), labels=ALL_TASKS).labels
    assert set(labels.by_task) == {"segmentation", "keypoints", "depth"}
    assert labels["keypoints"].shape[0] == 2
    assert set(labels["keypoints"][..., 2].unique().tolist()) <= {0.0, 1.0, 2.0}
    assert (labels["depth"].dtype, labels["depth"].shape[1:]) == (torch.float32, (PX, PX))


def test_smaller_networks_get_smaller_pairs(evaluating: Evaluating) -> None:
    """Images and labels are resized alike."""
    pairs = pairs_of(evaluating, evaluating.label(own(2)), px=16)
    assert pairs.images.shape[1:] == (3, 16, 16)
    assert pairs.labels["segmentation"].shape[1:] == (16, 16)


def test_ignored_pixels_stay_ignored(evaluating: Evaluating) -> None:
    """A network learns nothing from the pixels on which the labeling says nothing."""
    uncertain = replace(evaluating, fit=uncertain_fit(evaluating.scene))
    labeling = uncertain.label(own(2), ignore_above=0.0)
    manifest = records.read_manifest(evaluating.scene.machine.store, labeling.ref, LabelingManifest)
    assert manifest is not None
    assert manifest.ignored_pixels > 0
    masks = pairs_of(uncertain, labeling).labels["segmentation"]
    assert int((masks == IGNORE_INDEX).sum()) == manifest.ignored_pixels


@pytest.mark.parametrize(("suffix", "file_format"), [("png", "PNG"), ("jpg", "JPEG")])
def test_held_out_images_are_left_out_with_a_warning(
    evaluating: Evaluating, suffix: str, file_format: str
) -> None:
    """Also as another file format; the report names them, and counts the images that are left."""
    copy = {f"copy.{suffix}": encoded(noise(1, 4), file_format)}
    request = evaluating.request(LABELLED, labeling=evaluating.label(own(3) | copy))
    evaluating.run(request)
    report = evaluating.manifest(request).report
    assert report is not None
    assert f"Own images that are held out too are not trained on: copy.{suffix}." in report.warnings
    counts = {arm.ref.arm: arm.ref.synthetic_pairs for arm in report.tasks[0].arms}
    assert counts == {"real": 0, "mixed": 4, "labelled": 3}


def test_images_that_are_all_alike_are_no_copies() -> None:
    """A fixed camera shows the same scene with other noise; only the repeated photographs are copies."""
    rng = torch.Generator().manual_seed(0)
    scene = torch.randint(0, 200, (3, PX, PX), generator=rng)
    photographs = (scene + torch.randint(0, 40, (9, 3, PX, PX), generator=rng)).byte()
    heldout, others = photographs[:5], photographs[5:]
    own = torch.cat([others, heldout[:1], heldout[1:2] + 1])
    assert are_copies(own, heldout).tolist() == [False] * 4 + [True] * 2


def test_equal_held_out_images_have_copies_too() -> None:
    """Where held-out images repeat each other, equal pixels still count."""
    heldout = torch.full((3, 3, PX, PX), 7, dtype=torch.uint8)
    own = torch.cat([heldout[:1], heldout[:1] + 9])
    assert are_copies(own, heldout).tolist() == [True, False]


def test_a_labeling_of_held_out_images_alone_is_refused(evaluating: Evaluating) -> None:
    """The job fails before the first training, and says what to do."""
    copies = {f"{index}.png": encoded(noise(1, index), "PNG") for index in range(2)}
    request = evaluating.request(LABELLED, labeling=evaluating.label(copies))
    evaluating.run(request)
    error = evaluating.manifest(request).error
    assert error is not None
    assert "all of its 2 images are in" in error.detail
    assert evaluating.units(request) == {}


def test_the_report_compares_own_images_with_real_and_generated_pairs(
    evaluating: Evaluating,
) -> None:
    """The page has the arm in the verdict, and names the labeling."""
    labeling = evaluating.label(own(6))
    request = evaluating.request(LABELLED, labeling=labeling)
    evaluating.run(request)
    manifest = evaluating.manifest(request)
    assert manifest.report is not None, manifest.error
    assert set(evaluating.units(request)) >= {"labelled-0", "labelled-1"}
    compared = [(one.first.arm, one.second.arm) for one in manifest.report.tasks[0].comparisons]
    assert compared == [("mixed", "real"), ("labelled", "real"), ("labelled", "mixed")]
    page = read_artefact(evaluating.scene.machine.store, manifest.files["report.html"]).decode()
    assert "own images + real (6 pairs)" in page
    assert labeling.id in page


def test_own_images_change_the_scores(evaluating: Evaluating) -> None:
    """A network trains on them beside the real pairs."""
    request = evaluating.request(LABELLED, labeling=evaluating.label(own(6)))
    evaluating.run(request)
    stored = evaluating.units(request)
    assert stored["labelled-0"] != stored["real-0"]


class Killed(BaseException):
    """The process of a worker ends."""


def test_a_killed_worker_loses_one_training_of_the_arm(
    evaluating: Evaluating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt ends with the scores and the report of an uninterrupted one."""
    labeling = evaluating.label(own(5))
    whole = evaluating.request(LABELLED, labeling=labeling)
    killed = evaluating.request(LABELLED, labeling=labeling, heldout=whole.heldout_labelset)
    evaluating.run(whole)
    save = units.UnitKeeper.save

    def save_all_but_one(self: units.UnitKeeper, unit: EvaluationUnit, scores: ImageScores) -> None:
        if unit.name == "labelled-1":
            raise Killed
        save(self, unit, scores)

    with monkeypatch.context() as patch:
        patch.setattr(units.UnitKeeper, "save", save_all_but_one)
        with pytest.raises(Killed):
            evaluating.run(killed)
    assert "labelled-0" in evaluating.units(killed)
    evaluating.run(killed, attempt=2)
    assert evaluating.units(killed) == evaluating.units(whole)
    assert evaluating.manifest(killed).report == evaluating.manifest(whole).report


def test_a_deleted_labeling_fails_the_job(evaluating: Evaluating) -> None:
    """The error names the labeling and what to do."""
    labeling = evaluating.label({"one.png": picture(7)})
    request = evaluating.request(LABELLED, labeling=labeling)
    evaluating.scene.machine.store.delete(keys.job_manifest(labeling.ref))
    evaluating.run(request)
    error = evaluating.manifest(request).error
    assert error is not None
    assert (error.code, labeling.id in error.detail) == ("input_missing", True)
    assert "Label the images again" in error.detail


def test_a_report_that_was_lost_needs_no_labeling(evaluating: Evaluating) -> None:
    """The number of images and the warning are stored with the scores."""
    copy = {"copy.png": encoded(noise(1, 4), "PNG")}
    labeling = evaluating.label(own(2) | copy)
    request = evaluating.request(LABELLED, labeling=labeling)
    evaluating.run(request)
    before, store = evaluating.manifest(request), evaluating.scene.machine.store
    store.delete(keys.job_manifest(request.ref))
    store.delete(keys.job_manifest(labeling.ref))
    evaluating.run(request, attempt=2)
    after = evaluating.manifest(request)
    assert (after.status, after.report) == (JobStatus.SUCCEEDED, before.report)
    assert json.loads(store.get(keys.evaluation_own_images(request.ref)))["num_images"] == 2
