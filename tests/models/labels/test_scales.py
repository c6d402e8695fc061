"""Promises of `models.labels.scales`: what training changes in the labels, the last layer undoes."""

import pytest
import torch

from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.scales import Scales
from models.labels.tasks import DepthTask, Labels, SegmentationTask, TaskSet

TASKS = TaskSet(segmentation=SegmentationTask(3), depth=DepthTask())


def labels() -> Labels:
    """A class of a quarter, one of three quarters, one that never occurs; depth in millimetres, half of it unknown."""
    masks = torch.zeros(1, 4, 4, dtype=torch.int64)
    masks[0, 0] = 1
    depth = 5_000 + 1_000 * torch.arange(16.0).view(1, 4, 4)
    depth[0, 2:] = torch.nan
    return Labels(label_px=(4, 4), masks=masks, depth=depth)


def test_depth_is_standardised_over_its_known_pixels() -> None:
    """Mean 0, deviation 1; unknown pixels stay unknown."""
    scaled = Scales.of(labels(), TASKS, balance=0.0).standardise(labels()).depth
    assert scaled is not None
    known = scaled[~scaled.isnan()]
    assert len(known) == 8
    assert known.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert known.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


def test_the_last_layer_speaks_in_the_unit_of_depth_and_of_true_shares() -> None:
    """Depth comes back in millimetres; odds of the quarter to the rest lose the threefold weight of its drawing."""
    scales = Scales.of(labels(), TASKS, balance=1.0)
    ensemble = Ensemble(EnsembleConfig(tap_channels=(2,), tasks=TASKS, num_members=2)).eval()
    columns = torch.randn(2, 5, 2)
    before = ensemble(columns)
    scales.undo(ensemble)
    after = ensemble(columns)
    expected = before[..., 3] * scales.depth_deviation + scales.depth_mean
    assert torch.allclose(after[..., 3], expected, rtol=1e-5)
    odds = (after - before)[..., 1] - (after - before)[..., 0]
    assert torch.allclose(odds.exp(), torch.tensor(1 / 3), rtol=1e-4)


def test_a_flat_scene_divides_by_one() -> None:
    """Depth that is the same everywhere has no deviation to divide by."""
    flat = Labels(label_px=(4, 4), depth=torch.full((1, 4, 4), 7.0))
    scales = Scales.of(flat, TaskSet(depth=DepthTask()), balance=0.5)
    assert (scales.depth_mean, scales.depth_deviation) == (7.0, 1.0)
