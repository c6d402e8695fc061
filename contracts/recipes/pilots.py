"""What pilots measure on a fit's samples: quantiles of uncertainty, class shares, plans of targets and of steering.

Each is measured once on a reserved seed and stored beside the fit. The first one stays, so all shards use the same.
"""

from typing import Annotated

from pydantic import Field

from contracts.base import Model, Sha256, Timestamp, Truncation
from contracts.recipes.conditions import ConditionShares


class Pilot(Model):
    """The uncertainty of a fit's samples at one truncation and one condition, measured once on a reserved seed.

    `quantiles[k]` is the score below which k/1000 of the pilot samples lie, k from 0 to 1000.
    """

    fit_digest: Sha256
    truncation: Truncation
    condition: ConditionShares | None = None
    num_samples: Annotated[int, Field(ge=1)]
    quantiles: Annotated[tuple[float, ...], Field(min_length=1_001, max_length=1_001)]
    measured_at: Timestamp

    def threshold(self, drop_share: float) -> float:
        """Return the highest score that is kept when the share `drop_share` is dropped."""
        return self.quantiles[round((1 - drop_share) * 1_000)]


class PlainShares(Model):
    """`pilots/...-shares.json`: the classes in the samples of a fit without filter, targets and steering.

    `class_pixels` are shares of all pixels, `class_images` shares of the samples that contain the class.
    """

    fit_digest: Sha256
    num_samples: Annotated[int, Field(ge=1)]
    class_pixels: tuple[float, ...]
    class_images: tuple[float, ...]


PLAN_VERSION = 1
"""Increased whenever the same pilot gives another plan: the plans of earlier versions stay beside it."""


class StoredPredictor(Model):
    """A linear prediction from a code's vector: whether the sample will contain a class.

    A candidate that must contain the class is rendered only from `present_from` on, one that must not only below
    `absent_below`; null renders all. Both were chosen by cross-validation.
    """

    weights: tuple[float, ...]
    bias: float
    present_from: float | None
    absent_below: float | None


class PlannedClass(Model):
    """What a pilot measured about one class of the targets.

    `frequency` is the share of the samples that contain the class. `present_yield` is the share of the rendered
    candidates that contain it, where it must be present; `absent_yield` the share that does not, where it must not be.
    `recall` is the share of the samples with the class that the predictor renders.
    """

    class_name: str
    frequency: float
    present_yield: float
    absent_yield: float
    recall: float
    predictor: StoredPredictor | None = None


class TargetPlan(Model):
    """How the candidates for some targets are chosen: `fits/{id}/plans/{name}.json`.

    `shift` is added to the vector of every code. `candidates_per_sample` is the expected number of rendered candidates.
    """

    fit_digest: Sha256
    classes: tuple[PlannedClass, ...]
    shift: tuple[float, ...] | None = None
    candidates_per_sample: float
    measured_at: Timestamp


STEERING_PLAN_VERSION = 1
"""Increased whenever the same pilot gives another `SteeringPlan`."""


class SteeringPlan(Model):
    """How codes are judged for a steered stream: `fits/{id}/plans/{name}.json`.

    `slopes` predict the share of each class from a code's vector, in standard deviations of the samples; all 0 for a
    class that cannot be steered.
    """

    fit_digest: Sha256
    slopes: tuple[tuple[float, ...], ...]
    measured_at: Timestamp
