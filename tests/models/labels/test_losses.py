"""The curve of a training has the mean loss of a member in equal parts of its steps."""

import math

import torch

from models.labels.losses import MAX_POINTS, LossCurve, LossPoint


def test_a_point_is_the_mean_of_its_steps() -> None:
    """120 steps are 50 parts of two or three; the loss of two members is halved."""
    curve = LossCurve(120, torch.device("cpu"))
    for step in range(1, 121):
        curve.add(step, torch.tensor(2.0 * step))
    points = curve.points(num_members=2)
    assert len(points) == MAX_POINTS
    assert points[0] == LossPoint(3, 2.0)
    assert points[1] == LossPoint(5, 4.5)
    assert points[-1].step == 120


def test_a_short_training_has_a_point_for_each_step() -> None:
    """Three steps, three points."""
    curve = LossCurve(3, torch.device("cpu"))
    for step in (1, 2, 3):
        curve.add(step, torch.tensor(float(step)))
    assert curve.points(1) == [LossPoint(1, 1.0), LossPoint(2, 2.0), LossPoint(3, 3.0)]


def test_losses_that_are_not_known_are_left_out() -> None:
    """The state of an earlier version had no losses."""
    curve = LossCurve(4, torch.device("cpu"))
    curve.sums.fill_(math.nan)
    curve.add(4, torch.tensor(1.0))
    assert curve.points(1) == []


def test_a_loss_that_overflows_is_left_out() -> None:
    """JSON has no infinity, and one bad step must not fail the fit."""
    curve = LossCurve(2, torch.device("cpu"))
    curve.add(1, torch.tensor(1.0))
    curve.add(2, torch.tensor(math.inf))
    assert curve.points(1) == [LossPoint(1, 1.0)]
