"""An evaluation: downstream networks trained on real, generated and mixed pairs, compared on held-out real images.

In: `EvaluationRequest`, with every option resolved. Out: `EvaluationManifest`, with the report and its files. The work
consists of units: one training each, whose scores are stored as soon as it has ended.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from contracts.base import Artefact, Model, Seed, Truncation
from contracts.evaluations.networks import Network
from contracts.evaluations.report import ArmName, EvaluationReport
from contracts.fits.fit import PinnedLabelset
from contracts.ids import EvaluationId
from contracts.jobs import JobManifest, Request
from contracts.labelings import PinnedLabeling
from contracts.recipes.recipe import Filter, PinnedFit
from contracts.schemas import LabelSchema

CURVE_ARMS: tuple[ArmName, ...] = ("synthetic", "mixed")
"""The arms that train on generated pairs: once for each of their numbers."""
UNTRAINED_ARMS: tuple[ArmName, ...] = ("direct",)
"""The arms without a downstream network, so without seeds and steps."""
DEFAULT_ARMS: tuple[ArmName, ...] = ("real", "synthetic", "mixed", "direct")

FEW_HELDOUT_IMAGES = 50
FEW_SEEDS = 3
NUM_SEEDS = 4
"""With 4 trainings of each arm a loss of 5 points is found in 91% of the reports, with 3 in 77% (LOG.md)."""

NumPairs = Annotated[int, Field(ge=1, le=1_000_000)]
EvaluationWarningCode = Literal["few_heldout_images", "few_seeds", "training_images_unknown"]


def _check_arms(arms: tuple[ArmName, ...]) -> tuple[ArmName, ...]:
    if len(set(arms)) < len(arms):
        raise ValueError(f"expected each arm once, got {', '.join(arms)}")
    return arms


def _check_counts(counts: tuple[int, ...]) -> tuple[int, ...]:
    if list(counts) != sorted(set(counts)):
        raise ValueError(f"expected increasing numbers, got {', '.join(map(str, counts))}")
    return counts


Arms = Annotated[tuple[ArmName, ...], Field(min_length=2), AfterValidator(_check_arms)]
Counts = Annotated[
    tuple[NumPairs, ...], Field(min_length=1, max_length=10), AfterValidator(_check_counts)
]


class CommonEvaluationOptions(Model):
    """The options with a default that depends on nothing else.

    Every arm trains `network` for the same `steps`, once for each of `num_seeds` seeds. `synthetic` trains on each of
    `synthetic_counts` generated pairs, `mixed` on as many with the real pairs, `labelled` on the images of the labeling
    with the real pairs. With `flips` half of the images are mirrored while training, if every left or right name has a
    partner. `truncation` and `filter` choose the generated pairs, as in a batch.
    """

    synthetic_counts: Counts = (300, 1_000, 3_000)
    num_seeds: Annotated[int, Field(ge=1, le=20)] = NUM_SEEDS
    steps: Annotated[int, Field(ge=1, le=100_000)] = 600
    network: Network = "unet"
    flips: bool = True
    truncation: Truncation = 0.7
    filter: Filter | None = None


class EvaluationOptions(CommonEvaluationOptions):
    """The options that a caller may choose.

    Without `arms`: real, synthetic, mixed, direct, and those whose input is given: oracle, labelled.
    """

    arms: Arms | None = None


class ResolvedEvaluationOptions(CommonEvaluationOptions):
    """The options of an evaluation with every value present, as the worker uses them."""

    arms: Arms

    @property
    def most_synthetic(self) -> int:
        """The number of pairs that are generated: all arms and counts share their first ones."""
        return max(self.synthetic_counts) if set(self.arms) & set(CURVE_ARMS) else 0


class EvaluationUnit(Model):
    """One part of the work: an arm, on this number of generated pairs, with this seed; None where an arm has none."""

    arm: ArmName
    num_synthetic: int | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        """The name of its object in the store: `mixed-1000-2`."""
        numbers = (self.num_synthetic, self.seed)
        return "-".join([self.arm, *(str(one) for one in numbers if one is not None)])


def plan_units(options: ResolvedEvaluationOptions) -> tuple[EvaluationUnit, ...]:
    """Return all units of an evaluation, arm by arm."""
    seeds = range(options.num_seeds)
    units: list[EvaluationUnit] = []
    for arm in options.arms:
        if arm in UNTRAINED_ARMS:
            units.append(EvaluationUnit(arm=arm))
        else:
            counts = options.synthetic_counts if arm in CURVE_ARMS else (None,)
            units += [
                EvaluationUnit(arm=arm, num_synthetic=count, seed=seed)
                for count in counts
                for seed in seeds
            ]
    return tuple(units)


class EvaluationWarning(Model):
    """Something about a request that makes its report less certain."""

    code: EvaluationWarningCode
    detail: str


class EvaluationRequest(Request):
    """`evaluations/{id}/request.json`: everything that decides the result of an evaluation.

    `labels` is the schema of the tasks that are compared. `oracle_labelset` has more real pairs than `labelset`,
    `labeling` the caller's own images with labels of the same fit.
    """

    kind: Literal["evaluation"] = "evaluation"
    id: EvaluationId
    name: str
    seed: Seed
    fit: PinnedFit
    labelset: PinnedLabelset
    heldout_labelset: PinnedLabelset
    oracle_labelset: PinnedLabelset | None = None
    labeling: PinnedLabeling | None = None
    labels: LabelSchema
    options: ResolvedEvaluationOptions
    render_version: int
    warnings: tuple[EvaluationWarning, ...] = ()

    @property
    def units(self) -> tuple[EvaluationUnit, ...]:
        """The parts of the work, in their order."""
        return plan_units(self.options)


class OwnImages(Model):
    """`evaluations/{id}/own-images.json`: what the arm `labelled` trains on. The first record stays.

    `num_images` are the images that it trains on. `heldout` are the names of those that are held-out images too, so
    that they are left out.
    """

    num_images: Annotated[int, Field(ge=1)]
    heldout: tuple[str, ...] = ()


class EvaluationMetrics(Model):
    """The seconds that each stage of an evaluation took, without those of earlier attempts."""

    stage_seconds: dict[str, float]


class EvaluationManifest(JobManifest):
    """`evaluations/{id}/manifest.json`: the report, and its files by name."""

    kind: Literal["evaluation"] = "evaluation"
    report: EvaluationReport | None = None
    files: dict[str, Artefact] = Field(default_factory=dict)
    metrics: EvaluationMetrics | None = None
