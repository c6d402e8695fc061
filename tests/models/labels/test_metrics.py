"""Promises of the segmentation scores."""

import pytest
import torch

from models.labels.metrics import ConfusionMatrix


def test_iou_of_a_known_case() -> None:
    """Two classes, one pixel wrong: 2/3 and 1/2; ignored pixels do not count."""
    scores = ConfusionMatrix(3)
    truth = torch.tensor([[0, 0, 0, 1, 255]])
    scores.add(torch.tensor([[0, 0, 1, 1, 2]]), truth)
    assert scores.iou()[:2].tolist() == pytest.approx([2 / 3, 1 / 2])
    assert scores.iou()[2].isnan()
    assert scores.accuracy() == pytest.approx(3 / 4)


def test_the_mean_is_over_the_classes_of_the_truth() -> None:
    """A class that only the prediction has lowers the others, but is no class of the mean."""
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
