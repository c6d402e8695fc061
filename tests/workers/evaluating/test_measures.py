"""Measures from sums over images, against direct formulas and the scores of fits."""

import math

import numpy as np
import pytest
import torch

from models.tasks.depth import DepthErrors, DepthTask
from models.tasks.keypoints import KeypointTask, PointScore
from models.tasks.segmentation import SegmentationTask
from models.tasks.segmentation_scores import ConfusionMatrix
from models.tasks.task_set import Labels, TaskSet
from workers.evaluating.measures import MEASURES
from workers.evaluating.scoring import ImageScores, score_batches, score_images

PX = (6, 8)


def random_masks(classes: int, count: int = 5, seed: int = 0) -> torch.Tensor:
    """Return random masks."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, classes, (count, *PX), generator=rng, dtype=torch.uint8)


def mask_scores(predicted: torch.Tensor, truth: torch.Tensor, classes: int) -> ImageScores:
    """Return the image scores of predicted masks."""
    tasks = TaskSet(SegmentationTask(classes))
    predictions = {"segmentation": {"masks": predicted}}
    return score_images(predictions, Labels(PX, segmentation=truth), tasks)


def whole(task: str, scores: ImageScores) -> float:
    """Return the measure over all images."""
    return float(MEASURES[task].whole(scores.features(task).sum(axis=0)))


def test_miou_is_that_of_torchmetrics_where_all_classes_occur() -> None:
    """The mean over the classes of intersection / union over all pixels; torchmetrics 1.9 gave the same numbers."""
    predicted, truth = random_masks(3, seed=1), random_masks(3, seed=2)
    expected = [
        ((predicted == c) & (truth == c)).sum() / ((predicted == c) | (truth == c)).sum()
        for c in range(3)
    ]
    scores = mask_scores(predicted, truth, 3)
    assert whole("segmentation", scores) == pytest.approx(float(torch.stack(expected).mean()))


def test_an_absent_class_does_not_count_as_0() -> None:
    """One pixel predicted as a class that no image has costs its true class a little, and not a third of the mean."""
    truth = random_masks(2)
    predicted = truth.clone()
    predicted[0, 0, 0] = 2
    scores = mask_scores(predicted, truth, 3)
    assert whole("segmentation", scores) > 0.99
    parts = MEASURES["segmentation"].parts(scores.features("segmentation").sum(axis=0))
    assert math.isnan(parts[2])


def test_miou_equals_that_of_fits() -> None:
    """An evaluation and `metrics.heldout` of a fit judge masks alike, with ignored pixels and absent classes."""
    predicted, truth = random_masks(4, seed=1), random_masks(3, seed=2)
    truth[:, 0] = 255
    confusion = ConfusionMatrix(4)
    confusion.add(predicted, truth)
    scores = mask_scores(predicted, truth, 4)
    assert whole("segmentation", scores) == pytest.approx(confusion.mean_iou())
    assert scores.by_task["segmentation"]["confusion"].sum() == (truth != 255).sum()


def test_pck_equals_that_of_fits() -> None:
    """Hits among the visible points, within a tenth of the reference length."""
    rng = torch.Generator().manual_seed(0)
    truth = torch.rand(7, 4, 3, generator=rng) * 20
    truth[:, :, 2] = torch.randint(0, 3, (7, 4), generator=rng)
    points = truth + torch.randn(7, 4, 3, generator=rng)
    predicted = {"points": points, "visibility": torch.full((7, 4), 2).byte()}
    task = KeypointTask(4)
    score = PointScore(task, PX)
    score.add(predicted, truth)
    scores = score_images({"keypoints": predicted}, Labels(PX, keypoints=truth), TaskSet(task))
    assert whole("keypoints", scores) == pytest.approx(float(score.values()["pck"]))
    parts = MEASURES["keypoints"].parts(scores.features("keypoints").sum(axis=0))
    np.testing.assert_allclose(parts, score.values()["point_pck"])


def test_absrel_equals_that_of_fits() -> None:
    """Unknown depth and a truth of 0 do not count."""
    rng = torch.Generator().manual_seed(0)
    truth = torch.rand(3, *PX, generator=rng) + 1
    truth[:, 0], truth[:, 1] = math.nan, 0.0
    predicted = {"depth": torch.rand(3, *PX, generator=rng)}
    errors = DepthErrors()
    errors.add(predicted, truth)
    scores = score_images({"depth": predicted}, Labels(PX, depth=truth), TaskSet(DepthTask()))
    assert whole("depth", scores) == pytest.approx(float(errors.values()["absrel"]))


def test_scores_are_small_bytes_that_come_back() -> None:
    """300 images with 19 classes take under 400 KB, and the counts are the same afterwards."""
    scores = mask_scores(random_masks(19, 300, seed=1), random_masks(19, 300, seed=2), 19)
    data = scores.to_bytes()
    assert len(data) < 400_000
    back = ImageScores.from_bytes(data)
    assert len(back) == 300
    np.testing.assert_array_equal(
        back.by_task["segmentation"]["confusion"], scores.by_task["segmentation"]["confusion"]
    )


def test_batches_join_in_order() -> None:
    """Two batches are the scores of all images."""
    predicted, truth = random_masks(3, seed=1), random_masks(3, seed=2)
    pieces = [mask_scores(predicted[:2], truth[:2], 3), mask_scores(predicted[2:], truth[2:], 3)]
    np.testing.assert_array_equal(
        ImageScores.joined(pieces).features("segmentation"),
        mask_scores(predicted, truth, 3).features("segmentation"),
    )


def test_masks_of_another_size_are_refused() -> None:
    """The message names both shapes."""
    with pytest.raises(ValueError, match="masks of the same images"):
        mask_scores(random_masks(3)[:, :3], random_masks(3), 3)


def test_predictions_of_other_images_are_refused() -> None:
    """Three predictions for five images are found by their number."""
    truth = random_masks(3)
    batches = [{"segmentation": {"masks": truth[:3]}}]
    tasks = TaskSet(SegmentationTask(3))
    with pytest.raises(ValueError, match="predictions of 5 images, got 3"):
        score_batches(batches, Labels(PX, segmentation=truth), tasks)
