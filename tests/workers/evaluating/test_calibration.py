"""The claims of reports: equal arms are rarely called different, and a real loss is found.

Simulated with the real statistics on confusions whose spread was measured (`confusions.py`). Larger runs of the same
simulation, 60 images: with 3 trainings of each arm 29 of 640 reports on equal arms claim a difference; a loss of 5
points is found in 77% of the reports with 3 trainings, 91% with 4 and 98% with 5.
"""

import numpy as np
import pytest

from contracts.evaluations.report import Difference
from tests.workers.evaluating.confusions import LABELS, HeldOut, arm
from workers.evaluating.reporting import Scores, build_report

IMAGES = 60
DRAWS = 400
# Taken from the log odds of all classes, it costs 5 points of mIoU (`test_the_planted_loss_is_5_points`).
PLANTED = 0.36


def difference(seed: int, *, loss: float, images: int = IMAGES, seeds: int = 3) -> Difference:
    """Return the difference of `mixed` to `real` in one report."""
    rng = np.random.default_rng(seed)
    held_out = HeldOut.drawn(images, rng)
    scores: Scores = {
        ("real", 0): arm(held_out, rng, seeds=seeds),
        ("mixed", 500): arm(held_out, rng, seeds=seeds, loss=loss),
    }
    (task,) = build_report(scores, LABELS, num_draws=DRAWS, seed=seed).tasks
    return task.comparisons[0].difference


def test_two_equal_arms_are_rarely_called_different() -> None:
    """Of 40 reports on two equal arms with different seeds at most 4 claim a difference: at most 12 of 120."""
    claims = [difference(seed, loss=0.0).outcome for seed in range(120)]
    assert len(claims) - claims.count("undecided") <= 12


def test_a_loss_of_5_points_is_found() -> None:
    """Of 40 reports on a planted loss of 5 points, with 4 trainings of each arm, at least 32 call the arm worse."""
    claims = [difference(seed, loss=PLANTED, seeds=4).outcome for seed in range(40)]
    assert claims.count("worse") >= 32


def test_the_planted_loss_is_5_points() -> None:
    """On many images the loss is between 4.5 and 5.5 points."""
    losses = [difference(seed, loss=PLANTED, images=200).value for seed in range(20)]
    assert np.mean(losses) == pytest.approx(-0.05, abs=0.005)


def test_without_the_spread_of_trainings_equal_arms_would_be_called_different() -> None:
    """With one training for each arm, far more than 4 of 40 reports claim a difference: seeds must be counted."""
    claims = [difference(seed, loss=0.0, seeds=1).outcome for seed in range(40)]
    assert len(claims) - claims.count("undecided") > 8
