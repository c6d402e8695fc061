"""Promises of `models.labels.drawing`: rare classes, boundaries and keypoints are drawn in the requested shares."""

import pytest
import torch

from models.arrays import IGNORE_INDEX
from models.labels.drawing import place_weights
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask, boundaries, class_weights
from models.tasks.task_set import Labels, TaskSet

TASKS = TaskSet(SegmentationTask(3), KeypointTask(1))


@pytest.mark.parametrize(("balance", "expected"), [(0.0, 3 / 64), (1.0, 0.5)])
def test_balance_leads_from_true_shares_to_equal_ones(balance: float, expected: float) -> None:
    """A class of 3 in 64 pixels gets its share of the draws; a class without pixels has no effect."""
    masks = torch.zeros(1, 8, 8, dtype=torch.int64)
    masks[0, 2, :3] = 1
    weights = class_weights(masks, 3, balance)
    drawn = weights[masks]
    assert drawn.mean().item() == pytest.approx(1.0)
    assert (drawn[masks == 1].sum() / drawn.sum()).item() == pytest.approx(expected)
    assert weights[2].item() == 1.0


def test_boundaries_have_two_sides_and_ignored_pixels_none() -> None:
    """Between 0 and 1 both pixels are boundary; next to 255 none is."""
    masks = torch.tensor([[[0, 0, 1, 1, IGNORE_INDEX, 0]]])
    assert boundaries(masks)[0, 0].tolist() == [False, True, True, False, False, False]


def test_shares_are_drawn_at_their_focus() -> None:
    """A quarter at a boundary of 2 rows, a quarter around a keypoint, the rest everywhere; the sum is 1."""
    masks = torch.zeros(1, 64, 64, dtype=torch.int64)
    masks[:, 60:] = 1
    points = torch.tensor([[[10.5, 10.5, 2.0]]])
    labels = Labels(label_px=(64, 64), segmentation=masks, keypoints=points)
    weights = place_weights(labels, TASKS, {"segmentation": 0.25, "keypoints": 0.25})[0]
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert weights[59:61].sum().item() == pytest.approx(0.25, abs=0.02)
    assert weights[:24, :24].sum().item() == pytest.approx(0.25 + 0.5 * 576 / 4096, abs=0.02)


def test_an_image_without_boundary_spends_the_share_evenly() -> None:
    """With one class and no labeled keypoint all known pixels are equally likely, unknown ones are never drawn."""
    masks = torch.zeros(1, 8, 8, dtype=torch.int64)
    masks[0, 0] = IGNORE_INDEX
    labels = Labels(label_px=(8, 8), segmentation=masks, keypoints=torch.zeros(1, 1, 3))
    weights = place_weights(labels, TASKS, {"segmentation": 0.3, "keypoints": 0.3})[0]
    assert weights[0].sum().item() == 0
    assert weights[1:].flatten().tolist() == pytest.approx([1 / 56] * 56)
