"""The options of a fit as a caller chooses them, and the same with every preset and default resolved.

Every default stands here alone: the models take the resolved numbers and have no defaults.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import LearningRate, Model, Sha256
from contracts.schemas import TASK_NAMES, TaskName

InversionPreset = Literal["default", "paper"]
EnsembleKind = Literal["compact", "paper"]
FramingChoice = Literal["none", "center"]
PerceptualPort = Literal["discriminator", "mounted"]
Patience = Annotated[int, Field(ge=0, le=5_000)]
Restarts = Annotated[int, Field(ge=0, le=8)]
Weight = Annotated[float, Field(ge=0, le=100)]
HiddenWidth = Annotated[int, Field(ge=1, le=1_024)]
TapPx = Annotated[int, Field(ge=0, le=1_024)]
Share = Annotated[float, Field(ge=0, le=1)]


class InversionOptions(Model):
    """The inversion of each image: Adam over W+ codes from the encoder's prediction, with the generator frozen.

    The loss is `pixel_weight` x MSE + `perceptual_weight` x the perceptual distance
    + `encoder_pull` x MSE(w, w_encoder)
    + `prior_weight` x the Mahalanobis distance to the codes of samples. The perceptual distance is that of the
    generator's discriminator, or of the network whose weights the operator mounted. An image without progress for
    `patience` steps ends early (0: never); an image whose start failed gets `restarts` others.
    `perceptual_sha256` pins the mounted weights: a worker with other weights refuses the fit. Families that invert
    without optimisation ignore these numbers.
    """

    steps: Annotated[int, Field(ge=1, le=5_000)]
    learning_rate: LearningRate
    pixel_weight: Weight
    perceptual_weight: Weight
    encoder_pull: Weight
    prior_weight: Weight
    perceptual: PerceptualPort = "discriminator"
    perceptual_sha256: Sha256 | None = None
    patience: Patience = 20
    restarts: Restarts = 0


class InversionChoice(Model):
    """A caller's choice of the inversion: a preset, and any single value that replaces the preset's."""

    preset: InversionPreset = "default"
    steps: Annotated[int, Field(ge=1, le=5_000)] | None = None
    learning_rate: LearningRate | None = None
    pixel_weight: Weight | None = None
    perceptual_weight: Weight | None = None
    encoder_pull: Weight | None = None
    prior_weight: Weight | None = None
    perceptual: PerceptualPort | None = None
    perceptual_sha256: Sha256 | None = None
    patience: Patience | None = None
    restarts: Restarts | None = None


INVERSION_PRESETS: dict[InversionPreset, InversionOptions] = {
    # A little of the perceptual distance brings 3 points of held-out mIoU (benchmarks/LOG.md).
    "default": InversionOptions(
        steps=100,
        learning_rate=0.1,
        pixel_weight=1.0,
        perceptual_weight=0.2,
        encoder_pull=0.0,
        prior_weight=1e-4,
    ),
    # The paper's refinement (arXiv 2212.12645, section 3.2): 10 LPIPS + 1 MSE + 1 MSE(w, w_encoder), 500 steps. Its
    # code takes the MSE of pixels in 0..1; ours lie in -1..1, so their squared error is four times as large.
    "paper": InversionOptions(
        steps=500,
        learning_rate=0.1,
        pixel_weight=0.25,
        perceptual_weight=10.0,
        encoder_pull=1.0,
        prior_weight=0.0,
        patience=0,
    ),
}


def resolve_inversion(
    choice: InversionChoice, *, has_discriminator: bool = True
) -> InversionOptions:
    """Return the preset's numbers, replaced by the caller's where there are any.

    The default preset leaves out the perceptual distance if no discriminator can measure it and the caller named
    neither its weight nor another port.
    """
    overrides = choice.model_dump(exclude={"preset"}, exclude_none=True)
    preset = INVERSION_PRESETS[choice.preset]
    if choice.preset == "default" and not has_discriminator and "perceptual" not in overrides:
        preset = preset.model_copy(update={"perceptual_weight": 0.0})
    return preset.model_copy(update=overrides)


class EnsembleNumbers(Model):
    """The training of the ensemble of label heads: all members at once, on `batch_pixels` pixels per member and step.

    A compact ensemble has `rank` shared dimensions. Features of fewer than `min_tap_px` pixels either way are not read;
    with None the fit chooses between all features and those of 16 pixels and more, by its estimate.
    `balance` 0 draws classes as often as they occur, 1 equally often. `boundary_share` of the pixels are drawn at
    boundaries between classes, `keypoint_share` around keypoints.
    """

    rank: Annotated[int, Field(ge=1, le=512)] = 96
    min_tap_px: TapPx | None = 0
    num_members: Annotated[int, Field(ge=1, le=32)] = 10
    hidden: tuple[HiddenWidth, HiddenWidth] = (64, 32)
    steps: Annotated[int, Field(ge=1, le=100_000)] = 1_500
    batch_pixels: Annotated[int, Field(ge=16, le=65_536)] = 256
    learning_rate: LearningRate = 3e-3
    balance: Share = 0.5
    boundary_share: Share = 0.0
    keypoint_share: Share = 0.0

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        total = self.boundary_share + self.keypoint_share
        if total > 1:
            raise ValueError(
                f"boundary_share and keypoint_share set {total:.0%} of the pixels aside; lower one, 100% is the maximum"
            )
        return self


class EnsembleOptions(EnsembleNumbers):
    """The training of the ensemble of label heads, with every default resolved.

    `kind` "compact" reduces the first layers of the trained members to `rank` shared dimensions, "paper" keeps them.
    With `flips` it trains on the mirrored labelled images too. Stored requests without these fields are the paper's.
    """

    kind: EnsembleKind = "paper"
    flips: bool = False


class EnsembleChoice(EnsembleNumbers):
    """A caller's choice of the ensemble: any single value that replaces a default.

    `flips` null: where inversion is exact, which costs nothing, and every name of a side has a partner.
    """

    kind: EnsembleKind = "compact"
    flips: bool | None = None


def resolve_ensemble(
    choice: EnsembleKind | EnsembleChoice, *, flips_by_default: bool = False
) -> EnsembleOptions:
    """Return every value of the ensemble, also where the caller named only its kind."""
    chosen = choice if isinstance(choice, EnsembleChoice) else EnsembleChoice(kind=choice)
    flips = flips_by_default if chosen.flips is None else chosen.flips
    return EnsembleOptions.model_validate({**chosen.model_dump(), "flips": flips})


class FitOptions(Model):
    """The options that a caller may choose for a fit.

    `tasks` are those to learn, by default all that the labelset has labels for. `estimate` requests a cross-validated
    estimate of the label quality, which costs some further trainings of a smaller ensemble. `framing` "center" crops
    or pads all images and labels alike to the framing of the generator's samples; "none" only reports it.
    `ensemble` is one word, "compact" or "paper", or single values.
    """

    tasks: (
        Annotated[
            tuple[TaskName, ...],
            Field(min_length=1, max_length=16, json_schema_extra={"maxItems": len(TASK_NAMES)}),
        ]
        | None
    ) = None
    inversion: InversionChoice = InversionChoice()
    ensemble: EnsembleKind | EnsembleChoice = EnsembleChoice()
    estimate: bool = True
    framing: FramingChoice = "none"

    @model_validator(mode="after")
    def _check_estimate(self) -> Self:
        if not self.estimate and resolve_ensemble(self.ensemble).min_tap_px is None:
            raise ValueError(
                "min_tap_px null lets the fit choose by its estimate, but estimate is false; name a number, or set"
                " estimate to true"
            )
        return self


class ResolvedFitOptions(Model):
    """The options of a fit with every number present, as the worker uses them."""

    tasks: tuple[TaskName, ...] = ("segmentation",)
    inversion: InversionOptions
    ensemble: EnsembleOptions
    estimate: bool = False
    framing: FramingChoice = "none"
