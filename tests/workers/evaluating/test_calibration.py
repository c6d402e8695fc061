"""The claims of reports: equal arms are rarely called different, and a real loss is found.

Simulated with the real statistics on confusions whose spread was measured (`confusions.py`).
"""

import numpy as np

from contracts.evaluations.report import Difference
from tests.workers.evaluating.confusions import LABELS, HeldOut, arm
from workers.evaluating.reporting import Scores, build_report

REPORTS = 40
IMAGES = 60
DRAWS = 400
# Taken from the log odds of all classes, it costs 5 points of mIoU (`test_the_planted_loss_is_5_points`).
PLANTED = 0.26


def difference(seed: int, *, loss: float, images: int = IMAGES) -> Difference:
    """Return the difference of `mixed` to `real` in one report with 3 trainings of each."""
    rng = np.random.default_rng(seed)
    held_out = HeldOut.drawn(images, rng)
    scores: Scores = {
        ("real", 0): arm(held_out, rng),
        ("mixed", 500): arm(held_out, rng, loss=loss),
    }
    (task,) = build_report(scores, LABELS, num_draws=DRAWS, seed=seed).tasks
    return task.comparisons[0].difference


def test_two_equal_arms_are_rarely_called_different() -> None:
    """Of 40 reports on two equal arms with different seeds at most 4 claim a difference."""
    claims = [difference(seed, loss=0.0).outcome for seed in range(REPORTS)]
    assert REPORTS - claims.count("undecided") <= 4


def test_a_loss_of_5_points_is_found() -> None:
    """Of 40 reports on a planted loss of 5 points at least 32 call the arm worse."""
    claims = [difference(seed, loss=PLANTED).outcome for seed in range(REPORTS)]
    assert claims.count("worse") >= 32


def test_the_planted_loss_is_5_points() -> None:
    """On many images the loss is between 4.5 and 5.5 points."""
    losses = [difference(seed, loss=PLANTED, images=200).value for seed in range(10)]
    assert -0.055 < np.mean(losses) < -0.045


def test_without_the_spread_of_trainings_equal_arms_would_be_called_different() -> None:
    """With one training for each arm, far more than 4 of 40 reports claim a difference: seeds must be counted."""
    claims = []
    for seed in range(REPORTS):
        rng = np.random.default_rng(seed)
        held_out = HeldOut.drawn(IMAGES, rng)
        scores: Scores = {
            ("real", 0): arm(held_out, rng, seeds=1),
            ("mixed", 500): arm(held_out, rng, seeds=1),
        }
        (task,) = build_report(scores, LABELS, num_draws=DRAWS, seed=seed).tasks
        claims.append(task.comparisons[0].difference.outcome)
    assert REPORTS - claims.count("undecided") > 4
