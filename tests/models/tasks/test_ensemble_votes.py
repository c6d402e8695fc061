"""Promises of the votes: disagreement differs from doubt, and every task has a measure of it."""

import math

import pytest
import torch

from models.tasks.depth import DepthTask, DepthVotes
from models.tasks.ensemble_votes import EnsembleVotes
from models.tasks.keypoints import KeypointTask, PointVotes
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.task_set import TaskSet


def class_votes(*members: torch.Tensor) -> ClassVotes:
    """Return the votes of members' logits [1, classes, h, w]."""
    votes = ClassVotes()
    for logits in members:
        votes.add(logits)
    return votes


def point_logits(x: float, y: float, *, visible: float = 5.0) -> torch.Tensor:
    """Return raw outputs [1, 2, 32, 24] of one member that predicts a keypoint at x, y."""
    rows, columns = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(24) + 0.5, indexing="ij")
    heat = torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.5**2))
    return torch.stack([heat.logit(eps=1e-6), torch.full_like(heat, visible)])[None]


def test_members_that_agree_have_no_divergence_even_in_doubt() -> None:
    """All members equally undecided: high entropy, divergence 0."""
    votes = class_votes(*torch.zeros(3, 1, 4, 2, 2))
    assert torch.allclose(votes.probabilities, torch.tensor(0.25))
    assert votes.uncertainty.max() < 1e-6


def test_members_that_contradict_each_other_diverge_by_log_two() -> None:
    """Two certain members of different opinion: ln 2, the most that two can reach."""
    sure = torch.tensor([50.0, -50.0]).view(1, 2, 1, 1)
    assert class_votes(sure, -sure).uncertainty.item() == pytest.approx(math.log(2), abs=1e-5)


def test_softmax_is_averaged_not_logits() -> None:
    """One extreme member does not outvote three mild ones, as it would in a mean of logits."""
    extreme = torch.tensor([100.0, 0.0]).view(1, 2, 1, 1)
    mild = torch.tensor([0.0, 2.0]).view(1, 2, 1, 1)
    assert class_votes(extreme, mild, mild, mild).probabilities.argmax(dim=1).item() == 1


def test_the_spread_of_points_is_in_pixels() -> None:
    """Two members that see a keypoint 6 px apart are 3 px from their mean; agreement spreads nothing."""
    apart, agreed = (PointVotes(KeypointTask(1), (32, 24)) for _ in range(2))
    for x in (9.0, 15.0):
        apart.add(point_logits(x, 10.0))
        agreed.add(point_logits(12.0, 10.0))
    assert apart.spread_px.item() == pytest.approx(3.0, abs=0.05)
    assert agreed.spread_px.item() < 1e-3
    assert apart.uncertainty.max() > 0.1 > agreed.uncertainty.max()


def test_confidence_is_one_if_all_members_are_sure() -> None:
    """Members that agree have the height of their maps as confidence; two that disagree have half."""
    sure, torn = (PointVotes(KeypointTask(1), (32, 24)) for _ in range(2))
    for x in (5.5, 18.5):
        sure.add(point_logits(12.5, 20.5, visible=-5.0))
        torn.add(point_logits(x, 20.5))
    (keypoints, visible), (others, _) = sure.read(), torn.read()
    assert keypoints[0, 0].tolist() == pytest.approx([12.5, 20.5, 1.0], abs=0.01)
    assert visible.item() < 0.1
    assert others[0, 0, 2].item() == pytest.approx(0.5, abs=0.01)


def test_depth_keeps_its_unit_and_its_precision() -> None:
    """Members at 10,000 m that differ by 1.6 cm: rounding does not remove their standard deviation."""
    votes = DepthVotes()
    for offset in (-0.0078125, 0.0078125):
        votes.add(torch.full((1, 1, 2, 2), 10_000.0 + offset))
    assert votes.depth[0, 0, 0].item() == 10_000.0
    assert votes.uncertainty[0, 0, 0].item() == pytest.approx(0.0078125, rel=1e-3)


def test_each_task_reads_its_outputs() -> None:
    """Three classes, one keypoint, depth: six channels, counted by task in their order."""
    tasks = TaskSet(SegmentationTask(3), KeypointTask(1), DepthTask())
    outputs = torch.zeros(2, 6, 8, 8)
    outputs[:, 5] = 7.0
    counted = EnsembleVotes(tasks, (8, 8)).count([outputs.clone(), outputs.clone()])
    assert list(counted.votes) == ["segmentation", "keypoints", "depth"]
    assert counted.votes["depth"].labels()["depth"].unique().tolist() == [7.0]


def test_no_members_is_an_error() -> None:
    """An empty ensemble is refused instead of dividing by zero."""
    with pytest.raises(ValueError, match="at least one"):
        _ = class_votes().probabilities
