"""Intervals of scores and of paired differences."""

import numpy as np
import pytest

from contracts.evaluations.report import ArmRef
from tests.workers.evaluating.confusions import HeldOut, arm
from workers.evaluating.measures import MEASURES, Floats
from workers.evaluating.statistics import PairedBootstrap

REAL, MIXED = ArmRef(arm="real"), ArmRef(arm="mixed", synthetic_pairs=100)
POINTS = MEASURES["keypoints"]
DEPTH = MEASURES["depth"]


def hits(rates: list[float], images: int = 100) -> list[Floats]:
    """Return trainings with these shares of hits of one point; each image is right or wrong as a whole."""
    order = np.random.default_rng(0).permutation(images)
    trainings = []
    for rate in rates:
        right = np.zeros(images)
        right[order[: round(rate * images)]] = 1
        trainings.append(np.stack([right, np.ones(images)], axis=1))
    return trainings


def test_a_difference_is_paired() -> None:
    """Two arms that fail on the same images differ by exactly 0, however wide their own intervals are."""
    bootstrap = PairedBootstrap(POINTS, {REAL: hits([0.5]), MIXED: hits([0.5])}, num_draws=500)
    score, difference = bootstrap.scores(REAL)[0], bootstrap.differences(MIXED, REAL)[0]
    assert score is not None
    assert difference is not None
    assert score.high - score.low > 0.15
    assert (difference.low, difference.value, difference.high) == (0, 0, 0)
    assert difference.outcome == "undecided"


def test_the_interval_of_one_training_is_that_of_the_images() -> None:
    """For a share of 0.5 of 100 images: 0.5 plus and minus 1.96 sqrt(0.25 / 100) = 0.098."""
    bootstrap = PairedBootstrap(POINTS, {REAL: hits([0.5])}, num_draws=4000)
    score = bootstrap.scores(REAL)[0]
    assert score is not None
    assert score.low == pytest.approx(0.402, abs=0.02)
    assert score.high == pytest.approx(0.598, abs=0.02)


def test_trainings_that_disagree_widen_the_interval() -> None:
    """Shares of .4, .5 and .6 have the standard error .058 over trainings: Student's t makes that ±.25 and more."""
    bootstrap = PairedBootstrap(POINTS, {REAL: hits([0.4, 0.5, 0.6])}, num_draws=4000)
    score = bootstrap.scores(REAL)[0]
    assert score is not None
    assert score.value == pytest.approx(0.5)
    assert score.low < 0.26
    assert bootstrap.by_seed(REAL) == pytest.approx([0.4, 0.5, 0.6])


def test_less_error_is_better() -> None:
    """For AbsRel the arm with the lower number is the better one."""
    errors = {REAL: [np.tile([2.0, 10.0], (50, 1))], MIXED: [np.tile([1.0, 10.0], (50, 1))]}
    difference = PairedBootstrap(DEPTH, errors, num_draws=100).differences(MIXED, REAL)[0]
    assert difference is not None
    assert difference.value == pytest.approx(-0.1)
    assert difference.outcome == "better"


def test_a_class_without_a_true_pixel_has_no_interval() -> None:
    """The other classes keep theirs."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(20, rng)
    held_out.pixels[:, 9] = 0
    trainings = [one.features("segmentation") for one in arm(held_out, rng, seeds=2)]
    _, *parts = PairedBootstrap(MEASURES["segmentation"], {REAL: trainings}, num_draws=100).scores(
        REAL
    )
    assert [number for number, part in enumerate(parts) if part is None] == [9]


def test_the_seed_decides_the_intervals() -> None:
    """The same report is computed twice, and another seed gives other draws."""
    arms = {REAL: hits([0.4, 0.5, 0.6])}
    first, second, other = (PairedBootstrap(POINTS, arms, seed=seed) for seed in (0, 0, 1))
    assert first.scores(REAL) == second.scores(REAL) != other.scores(REAL)


def test_arms_on_different_images_are_refused() -> None:
    """They cannot be paired; the message names both numbers."""
    with pytest.raises(ValueError, match=r"\[50, 60\] images"):
        PairedBootstrap(POINTS, {REAL: hits([0.5], 50), MIXED: hits([0.5], 60)})
