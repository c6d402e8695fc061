"""What a caller may choose about a fit, and the same with every preset and default resolved: what the worker runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Model, Sha256
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
LearningRate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class InversionOptions(Model):
    """How a latent code is found for each image: Adam over W+ from the encoder's guess, generator frozen.

    The loss is `pixel_weight` x MSE + `perceptual_weight` x the perceptual distance
    + `encoder_pull` x MSE(w, w_encoder)
    + `prior_weight` x the Mahalanobis distance to the codes that samples have. The distance is that of the generator's
    discriminator, or of the network whose weights the operator mounted. An image without progress for `patience` steps
    ends early (0: none does); one that its start failed gets `restarts` others.
    `perceptual_sha256` pins the mounted weights: a worker that has other ones refuses the fit.
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
    """What a caller says of the inversion: a preset, and any single value to depart from it."""

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
    """The preset's numbers with the caller's own laid over them.

    The default preset goes without the perceptual distance where no discriminator can measure it and the caller named
    neither its weight nor another port.
    """
    own = choice.model_dump(exclude={"preset"}, exclude_none=True)
    preset = INVERSION_PRESETS[choice.preset]
    if choice.preset == "default" and not has_discriminator and "perceptual" not in own:
        preset = preset.model_copy(update={"perceptual_weight": 0.0})
    return preset.model_copy(update=own)


class EnsembleOptions(Model):
    """How the ensemble of label heads is trained: all members at once, on `batch_pixels` pixels per member and step.

    `kind` "compact" reduces the trained members' first layers to `rank` dimensions that all share, "paper" leaves them
    as they are; requests from before there was a choice are the paper's. Features of fewer than `min_tap_px` pixels
    either way are not read; None leaves it to the fit, which estimates all of them and those of 16 pixels and more.
    `balance` 0 draws classes as often as they occur, 1 equally often. `boundary_share` of the pixels are drawn at
    boundaries between classes, `keypoint_share` around keypoints.
    """

    kind: EnsembleKind = "paper"
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
        aside = self.boundary_share + self.keypoint_share
        if aside > 1:
            raise ValueError(
                f"boundary_share and keypoint_share set {aside:.0%} of the pixels aside; lower one: 100% is all"
            )
        return self


class EnsembleChoice(EnsembleOptions):
    """What a caller says of the ensemble: any single value to depart from the defaults."""

    kind: EnsembleKind = "compact"


def resolve_ensemble(choice: EnsembleKind | EnsembleChoice) -> EnsembleOptions:
    """Every number of the ensemble, also where the caller has only named its kind."""
    named = choice if isinstance(choice, EnsembleChoice) else EnsembleChoice(kind=choice)
    return EnsembleOptions.model_validate(named.model_dump())


class FitOptions(Model):
    """What a caller may choose about a fit.

    `tasks` are those to learn, by default all that the labelset has labels for. `estimate` asks for a cross-validated
    estimate of the label quality, which costs some further trainings of a smaller ensemble. `framing` "center" crops
    or pads all images and labels alike to where the generator makes its subject; "none" only says what would fit.
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
                "min_tap_px null lets the fit choose by its estimate, and estimate is false; name a number, or let it"
                " estimate"
            )
        return self


class ResolvedFitOptions(Model):
    """The same with every number present: what the worker runs."""

    tasks: tuple[TaskName, ...] = ("segmentation",)
    inversion: InversionOptions
    ensemble: EnsembleOptions
    estimate: bool = False
    framing: FramingChoice = "none"
