"""Promises of the scores: known cases are exact, and unlabeled pixels and points do not count."""

import math

import pytest
import torch

from models.tasks.depth_scores import DepthScore
from models.tasks.keypoint_scores import KeypointScore, reference_px
from models.tasks.segmentation_scores import CalibrationError, ConfusionMatrix


def test_iou_of_a_known_case() -> None:
    """Two classes, one pixel wrong: 2/3 and 1/2; ignored pixels do not count."""
    scores = ConfusionMatrix(3)
    truth = torch.tensor([[0, 0, 0, 1, 255]])
    scores.add(torch.tensor([[0, 0, 1, 1, 2]]), truth)
    assert scores.iou()[:2].tolist() == pytest.approx([2 / 3, 1 / 2])
    assert scores.iou()[2].isnan()
    assert scores.accuracy() == pytest.approx(3 / 4)


def test_the_mean_is_over_the_classes_of_the_truth() -> None:
    """A class that only the prediction has lowers other IoUs, but does not count in the mean."""
    scores = ConfusionMatrix(3)
    scores.add(torch.tensor([0, 2]), torch.tensor([0, 0]))
    assert scores.mean_iou() == pytest.approx(0.5)


def test_pixels_are_pooled_over_images() -> None:
    """Adding images one by one equals adding them at once."""
    predicted, truth = torch.randint(0, 3, (4, 8, 8)), torch.randint(0, 3, (4, 8, 8))
    pooled, single = ConfusionMatrix(3), ConfusionMatrix(3)
    pooled.add(predicted, truth)
    for a, b in zip(predicted, truth, strict=True):
        single.add(a, b)
    assert torch.equal(pooled.counts, single.counts)


def test_other_shapes_are_refused() -> None:
    """Masks of different images cannot be compared."""
    with pytest.raises(ValueError, match="masks of the same images"):
        ConfusionMatrix(2).add(torch.zeros(2, 2), torch.zeros(2, 3))


def test_calibration_is_the_distance_from_the_share_of_hits() -> None:
    """A probability of 0.9, right for three of four pixels, is an error of 0.15; ignored pixels do not count."""
    score = CalibrationError()
    truth = torch.tensor([[0, 0, 0, 1, 255]])
    score.add(torch.zeros(1, 5), torch.full((1, 5), 0.9), truth)
    assert score.error() == pytest.approx(0.15)


def test_keypoints_of_a_known_case() -> None:
    """One hit, one miss by 5 px, one hidden, one absent: PCK 0.5, 2.5 px, two of three visibilities right."""
    truth = torch.tensor([[[1.0, 1, 2], [4, 4, 2], [9, 9, 1], [0, 0, 0]]])
    predicted = torch.tensor([[[1.0, 1, 0.9], [7, 8, 0.9], [0, 0, 0.9], [5, 5, 0.9]]])
    score = KeypointScore(4)
    score.add(predicted, torch.tensor([[2, 1, 1, 2]]), truth, torch.tensor([40.0]))
    assert score.pck() == 0.5
    assert score.mean_error_px() == 2.5
    assert score.visibility_accuracy() == pytest.approx(2 / 3)
    assert score.point_pck()[:2].tolist() == [1.0, 0.0]
    assert score.point_pck()[2:].isnan().all()


def test_every_image_has_its_own_reference_length() -> None:
    """The same 3 px are a hit on a head of 40 px and a miss on one of 20."""
    truth = torch.tensor([[[5.0, 5, 2]], [[5, 5, 2]]])
    score = KeypointScore(1)
    score.add(truth + 0, torch.full((2, 1), 2), truth + 0, torch.tensor([40.0, 20.0]))
    off = truth + torch.tensor([3.0, 0, 0])
    score.add(off, torch.full((2, 1), 2), truth, torch.tensor([40.0, 20.0]))
    assert score.pck() == 0.75


def test_depth_of_a_known_case() -> None:
    """Unknown pixels do not count; a truth of 0 counts only for RMSE, a negative prediction is a miss."""
    score = DepthScore()
    truth = torch.tensor([[[2.0, 4.0, 0.0, float("nan")]]])
    score.add(torch.tensor([[[2.2, -4.0, 1.0, 9.0]]]), truth)
    assert score.absrel() == pytest.approx((0.1 + 2.0) / 2)
    assert score.delta1() == 0.5
    assert score.rmse() == pytest.approx(math.sqrt((0.04 + 64 + 1) / 3), rel=1e-5)


def test_nothing_to_judge_is_nan() -> None:
    """Without labels every score is NaN, without an error."""
    keypoints, depth = KeypointScore(1), DepthScore()
    depth.add(torch.zeros(1, 1, 1), torch.full((1, 1, 1), math.nan))
    scores = (keypoints.pck(), keypoints.visibility_accuracy(), depth.rmse(), depth.absrel())
    assert all(math.isnan(score) for score in scores)


@pytest.mark.parametrize(
    ("rows", "length"),
    [
        ([(10.0, 10, 2), (13, 14, 1), (0, 30, 2)], 5.0),  # the two reference points
        ([(10.0, 10, 2), (0, 0, 0), (0, 30, 2)], 20.0),  # one is missing: the box of the others
        ([(10.0, 10, 2), (0, 0, 0), (0, 0, 0)], 64.0),  # a box without height: the image
    ],
)
def test_errors_are_judged_by_a_length_in_the_image(
    rows: list[tuple[float, float, float]], length: float
) -> None:
    """The distance of the reference points if both are labeled, else the box around the labeled points."""
    assert reference_px(torch.tensor([rows]), (64, 48), (0, 1)).tolist() == [length]


def test_without_reference_points_the_box_is_the_length() -> None:
    """An image without a labeled point gets its height, so that nothing is divided by 0."""
    points = torch.tensor([[[1.0, 2, 2], [1, 9, 1]], [[0, 0, 0], [0, 0, 0]]])
    assert reference_px(points, (64, 48), None).tolist() == [7.0, 64.0]
