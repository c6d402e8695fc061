"""Promises of the scales: the last layer undoes the changes of the labels."""

import pytest
import torch

from models.tasks.depth import DepthScale, DepthTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels


def labels() -> Labels:
    """Return classes with shares of 3/4, 1/4 and 0, and depth in millimeters, half of it unknown."""
    masks = torch.zeros(1, 4, 4, dtype=torch.int64)
    masks[0, 0] = 1
    depth = 5_000 + 1_000 * torch.arange(16.0).view(1, 4, 4)
    depth[0, 2:] = torch.nan
    return Labels(label_px=(4, 4), segmentation=masks, depth=depth)


def test_depth_is_standardized_over_its_known_pixels() -> None:
    """Mean 0, standard deviation 1; unknown pixels stay unknown."""
    depth = labels()["depth"]
    scaled = DepthTask().scale(depth, balance=0.0).standardize(depth)
    known = scaled[~scaled.isnan()]
    assert len(known) == 8
    assert known.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert known.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


def test_the_last_layer_predicts_in_the_unit_of_depth() -> None:
    """Predictions are in millimeters."""
    scale = DepthTask().scale(labels()["depth"], balance=1.0)
    columns, weight, bias = torch.randn(5, 3), torch.randn(3, 1), torch.randn(1)
    standardized = columns @ weight + bias
    scale.undo(weight, bias)
    expected = standardized * scale.std + scale.mean
    assert torch.allclose(columns @ weight + bias, expected, rtol=1e-5)


def test_the_last_layer_predicts_the_true_class_shares() -> None:
    """The class of 1/4 was drawn three times as often; its odds are divided by three."""
    scale = SegmentationTask(3).scale(labels()["segmentation"], balance=1.0)
    bias = torch.zeros(3)
    scale.undo(torch.zeros(2, 3), bias)
    assert (bias[1] - bias[0]).exp().item() == pytest.approx(1 / 3, rel=1e-4)


def test_a_flat_scene_divides_by_one() -> None:
    """Constant depth has a standard deviation of 0."""
    assert DepthTask().scale(torch.full((1, 4, 4), 7.0), balance=0.5) == DepthScale(7.0, 1.0)
