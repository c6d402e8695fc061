"""The report of an evaluation: does synthetic data help, by how much, and when is it enough.

Shares (IoU, PCK, AbsRel) lie between 0 and 1; sentences give them in points, hundredths of them. Every number has a
percentile-bootstrap interval over held-out images and trainings. A difference is decided when its interval excludes 0.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Model

ArmName = Literal["real", "synthetic", "mixed", "labelled", "oracle", "direct", "frozen"]
ARM_NAMES: tuple[ArmName, ...] = (
    "real",
    "synthetic",
    "mixed",
    "labelled",
    "oracle",
    "direct",
    "frozen",
)
BASELINE: ArmName = "real"

Outcome = Literal["better", "worse", "undecided"]
Count = Annotated[int, Field(ge=0)]


class Interval(Model):
    """A measured number and the bounds of its interval."""

    value: float
    low: float
    high: float


class Difference(Interval):
    """A paired difference in the unit of the measure. `outcome` says whether the first of the two is better.

    For an error (AbsRel) the better one is the lower one, so a difference below 0 is "better".
    """

    outcome: Outcome


class ArmRef(Model):
    """An arm, and the number of pairs with labels of the fit that it trained on: 0 for arms without any.

    These are generated pairs, or for the arm `labelled` the caller's own images.
    """

    arm: ArmName
    synthetic_pairs: Count = 0


class PartScore(Model):
    """One class or keypoint in one arm; `depth` for the whole map.

    `num_images` counts the held-out images that contain it. Without any there is no score. `difference` is to `real`.
    """

    num_images: Count
    score: Interval | None = None
    difference: Difference | None = None


class ArmScore(Model):
    """One arm on one task. `by_seed` are the scores of its trainings, `difference` is to `real`.

    None without a labelled pixel or point in the held-out images.
    """

    ref: ArmRef
    score: Interval | None
    by_seed: tuple[float | None, ...]
    difference: Difference | None = None
    parts: dict[str, PartScore] = Field(default_factory=dict)


class Comparison(Model):
    """The paired difference of two arms, `first` minus `second`."""

    first: ArmRef
    second: ArmRef
    difference: Difference


class CurvePoint(Model):
    """The score with a number of synthetic pairs, and what the largest number adds to it."""

    synthetic_pairs: Count
    score: Interval
    gain_to_largest: Difference | None = None


class Curve(Model):
    """The scores of an arm over its number of synthetic pairs, in ascending order.

    `plateau` is the smallest number after which more pairs bring nothing measurable; None while the score still rises.
    """

    arm: ArmName
    points: tuple[CurvePoint, ...]
    plateau: Count | None = None
    text: str


class TaskReport(Model):
    """One task: its measure, its scores by arm, the comparisons that the verdict rests on, and the curves.

    `closed_share` is the share of the gap between `real` and `oracle` that `mixed` closes, or `synthetic` where
    there is no `mixed`; below 0 where it is worse than `real`. None unless `oracle` is better than `real`.
    """

    task: str
    measure: str
    higher_is_better: bool
    arms: tuple[ArmScore, ...]
    comparisons: tuple[Comparison, ...] = ()
    curves: tuple[Curve, ...] = ()
    closed_share: Interval | None = None


class EvaluationReport(Model):
    """The result of an evaluation. `verdict` is the answer in plain sentences, `warnings` limit it.

    `num_seeds` is the smallest number of trainings of an arm. `num_draws` bootstrap draws give intervals of
    `confidence`. `network` is the name of the downstream network that the arms train, except `frozen`.
    """

    network: str = "unet"
    num_images: Count
    num_seeds: Count
    num_draws: Count
    confidence: float
    tasks: tuple[TaskReport, ...]
    verdict: tuple[str, ...]
    warnings: tuple[str, ...] = ()
