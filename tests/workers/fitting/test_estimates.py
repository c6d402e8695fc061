"""The estimate of a fit's label quality."""

import dataclasses

import torch

from contracts.fits.metrics import Estimate
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus
from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_TASKS, LABELS, PX, QUICK, Scene
from workers.fitting import fits
from workers.fitting.estimates import traits
from workers.fitting.pairs import Pairs, read_labelset

ESTIMATED = QUICK.model_copy(update={"estimate": True})


def estimated(scene: Scene, labels: LabelSchema, num_images: int = 4) -> Estimate | None:
    """Return the estimate of a fit on `num_images` images."""
    labelset = scene.add_labelset(num_images, labels=labels)
    fit = scene.request_fit(ESTIMATED, labelset=labelset, labels=labels)
    fits.run(scene.machine, str(fit.ref), 1)
    manifest = scene.fit_manifest(fit.ref)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert manifest.metrics is not None
    assert ("estimating" in manifest.metrics.stage_seconds) == (num_images > 1)
    return manifest.metrics.estimate


def test_every_task_is_judged_by_members_that_never_saw_the_label(scene: Scene) -> None:
    """Four images are four folds with a smaller ensemble; every labelled pixel and point is scored once."""
    quality = estimated(scene, ALL_TASKS)
    assert quality is not None
    assert (quality.num_folds, quality.num_members, quality.num_steps) == (4, 2, 20)
    assert quality.confusion is not None
    assert torch.tensor(quality.confusion).sum(dim=1).tolist() == [4 * 512, 4 * 512]
    assert quality.keypoints is not None
    assert quality.depth is not None
    assert set(quality.class_iou) == set(LABELS.classes)
    assert {image.name for image in quality.worst_images} == {f"image-{k}" for k in range(4)}


def test_scores_have_intervals_over_images(scene: Scene) -> None:
    """Four images have every class and every point."""
    quality = estimated(scene, ALL_TASKS)
    assert quality is not None
    assert quality.class_images == dict.fromkeys(LABELS.classes, 4)
    for name, iou in quality.class_iou.items():
        bounds = quality.class_intervals[name]
        assert bounds is not None
        assert iou is not None
        assert bounds.low <= iou <= bounds.high
    assert quality.miou_interval is not None
    assert quality.keypoints is not None
    agree = quality.keypoints.pck in {0.0, 1.0}  # one point of each image is judged
    assert (quality.keypoints.pck_interval is None) == agree
    assert set(quality.keypoints.point_intervals) == set(quality.keypoints.point_pck)


def test_the_worst_images_come_first(scene: Scene) -> None:
    """They are ordered by the mean of their scores."""
    quality = estimated(scene, LABELS)
    assert quality is not None
    mious = [image.miou for image in quality.worst_images]
    assert mious == sorted(mious, key=lambda miou: miou or 0.0)


def test_one_image_has_no_estimate(scene: Scene) -> None:
    """Without the image there is nothing to train on; the fit still succeeds."""
    assert estimated(scene, LABELS, num_images=1) is None


def test_images_have_traits_by_task(scene: Scene) -> None:
    """There is a column for each class, each keypoint, and depth; the folds are dealt by them."""
    pinned = scene.add_labelset(2, labels=ALL_TASKS)
    whole = read_labelset(scene.machine.store, DEFAULT_TENANT, pinned)
    pairs = Pairs.read(scene.machine.store, whole, fit=ALL_TASKS, px=(PX, PX))
    empty = {codec.name: codec.unlabelled(ALL_TASKS, (PX, PX)) for codec in pairs.codecs}
    some = dataclasses.replace(pairs, labels=(pairs.labels[0], empty))
    assert {task: presence.tolist() for task, presence in traits(some).items()} == {
        "segmentation": [[True, True], [False, False]],
        "keypoints": [[True, True], [False, False]],
        "depth": [[True], [False]],
    }
