"""A fit: the job that makes a label generator, and that label generator once it has succeeded.

In: `FitOptions` from the caller. Stored: `FitRequest`, with every default and preset resolved. Out: `FitManifest`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.generators import Weights
from contracts.ids import FitId, GeneratorId, LabelsetId
from contracts.jobs import Outcome, Request
from contracts.schemas import LabelSchema, TaskName
from contracts.shapes import Artefact, Seed, Sha256, Shape

InversionPreset = Literal["default", "paper"]
FramingChoice = Literal["none", "center"]
PerceptualPort = Literal["discriminator", "mounted"]
Patience = Annotated[int, Field(ge=0, le=5_000)]
Restarts = Annotated[int, Field(ge=0, le=8)]
Weight = Annotated[float, Field(ge=0, le=100)]
HiddenWidth = Annotated[int, Field(ge=1, le=1_024)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class InversionOptions(Shape):
    """How a latent code is found for each image: Adam over W+ from the encoder's guess, generator frozen.

    The loss is `pixel_weight` x MSE + `perceptual_weight` x the perceptual distance
    + `encoder_pull` x MSE(w, w_encoder)
    + `prior_weight` x the Mahalanobis distance to the codes that samples have. The distance is that of the generator's
    discriminator, or of the network whose weights the operator mounted. An image without progress for `patience` steps
    ends early (0: none does); one that its start failed gets `restarts` others.
    """

    steps: Annotated[int, Field(ge=1, le=5_000)]
    learning_rate: LearningRate
    pixel_weight: Weight
    perceptual_weight: Weight
    encoder_pull: Weight
    prior_weight: Weight
    perceptual: PerceptualPort = "discriminator"
    patience: Patience = 20
    restarts: Restarts = 0


class InversionChoice(Shape):
    """What a caller says of the inversion: a preset, and any single value to depart from it."""

    preset: InversionPreset = "default"
    steps: Annotated[int, Field(ge=1, le=5_000)] | None = None
    learning_rate: LearningRate | None = None
    pixel_weight: Weight | None = None
    perceptual_weight: Weight | None = None
    encoder_pull: Weight | None = None
    prior_weight: Weight | None = None
    perceptual: PerceptualPort | None = None
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


class EnsembleOptions(Shape):
    """How the ensemble of label heads is trained: all members at once, on `batch_pixels` pixels per member and step.

    `balance` 0 draws classes as often as they occur, 1 equally often. `boundary_share` of the pixels are drawn at
    boundaries between classes, `keypoint_share` around keypoints.
    """

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


class FitOptions(Shape):
    """What a caller may choose about a fit.

    `tasks` are those to learn, by default all that the labelset has labels for. `estimate` asks for a cross-validated
    estimate of the label quality, which costs some further trainings of a smaller ensemble. `framing` "center" crops
    or pads all images and labels alike to where the generator makes its subject; "none" only says what would fit.
    """

    tasks: Annotated[tuple[TaskName, ...], Field(min_length=1, max_length=3)] | None = None
    inversion: InversionChoice = InversionChoice()
    ensemble: EnsembleOptions = EnsembleOptions()
    estimate: bool = True
    framing: FramingChoice = "none"


class ResolvedFitOptions(Shape):
    """The same with every number present: what the worker runs."""

    tasks: tuple[TaskName, ...] = ("segmentation",)
    inversion: InversionOptions
    ensemble: EnsembleOptions
    estimate: bool = False
    framing: FramingChoice = "none"


class PinnedGenerator(Shape):
    """The generator of a fit, by id and digest, with its weights."""

    id: GeneratorId
    digest: Sha256
    height_px: int
    width_px: int


class PinnedLabelset(Shape):
    """A labelset of a fit, by id and digest."""

    id: LabelsetId
    digest: Sha256


class FitRequest(Request):
    """`fits/{id}/request.json`: a fit as it will be run, whatever changes around it."""

    kind: Literal["fit"] = "fit"
    id: FitId
    name: str
    seed: Seed
    generator: PinnedGenerator
    inverter_digest: Sha256 | None
    labelset: PinnedLabelset
    validation_labelset: PinnedLabelset | None = None
    labels: LabelSchema
    options: ResolvedFitOptions


class InvertedImage(Shape):
    """How well the generator expresses one image.

    `perceptual_distance` is in the features of the generator's discriminator; none without one. An image that is not
    expressible is reconstructed hardly better than another sample would be: its label says little.
    """

    name: str
    psnr_db: float
    perceptual_distance: float | None = None
    is_expressible: bool = True


class KeypointMetrics(Shape):
    """How well keypoints are found. A number is None where no labelled point could be judged.

    `pck` is the share of labelled points that are found within a tenth of the image's reference length, `point_pck` the
    same for each keypoint; `visibility_accuracy` is the share of points whose being seen or not is told rightly.
    """

    pck: float | None
    point_pck: dict[str, float | None]
    mean_error_px: float | None
    visibility_accuracy: float | None


class DepthMetrics(Shape):
    """How well depth is told where it is known. A number is None where nothing is.

    `absrel` is the mean of |error| / truth, `rmse` the root mean square error in the labels' unit, `delta1` the share
    of pixels whose ratio to the truth is below 1.25.
    """

    absrel: float | None
    rmse: float | None
    delta1: float | None


class TaskMetrics(Shape):
    """The score of each task that was judged; those of a task that was not are None.

    A class that occurs in neither labels nor predictions has no IoU; `miou` is the mean over the classes that
    the labels contain, and none when every pixel is ignored. `ece` is the expected calibration error of the class
    probabilities.
    """

    miou: float | None = None
    class_iou: dict[str, float | None] = Field(default_factory=dict)
    ece: float | None = None
    keypoints: KeypointMetrics | None = None
    depth: DepthMetrics | None = None


class HeldOut(TaskMetrics):
    """The label generator on images it never trained on."""

    num_images: int
    reconstruction_psnr_db: float
    images: tuple[InvertedImage, ...]


class ImageEstimate(Shape):
    """One image as the ensembles that never saw its label would have labelled it."""

    name: str
    miou: float | None = None
    pck: float | None = None
    absrel: float | None = None


class Estimate(TaskMetrics):
    """Cross-validated label quality: every image is scored by a smaller ensemble trained on the other folds.

    `confusion[truth][predicted]` counts pixels of the labelled images; `worst_images` come worst first.
    """

    num_folds: int
    num_members: int
    num_steps: int
    confusion: tuple[tuple[int, ...], ...] | None = None
    worst_images: tuple[ImageEstimate, ...] = ()


class ImagePart(Shape):
    """A part of every image, its edges as shares of width and height; beyond 0 to 1 lies padding."""

    left: float
    top: float
    right: float
    bottom: float


class FitMetrics(Shape):
    """What a fit is worth. `training_miou` is on the images it trained on and flatters.

    `framing` is the part of the images that is framed as the generator's own, none where the whole is; with the option
    `framing: center` it is what the fit has looked at.
    `estimate` is what can be known without further labelled images, and `advice` what to do about it.
    """

    reconstruction_psnr_db: float
    images: tuple[InvertedImage, ...]
    training_miou: float | None = None
    training: TaskMetrics | None = None
    heldout: HeldOut | None = None
    estimate: Estimate | None = None
    advice: tuple[str, ...] = ()
    framing: ImagePart | None = None
    stage_seconds: dict[str, float]


class FitManifest(Outcome):
    """`fits/{id}/manifest.json`. A success names one attempt and pins what it made.

    `digest` is that of the label generator: what a batch pins. `sheet` is a PNG for people: each image,
    its reconstruction, its label and the prediction.
    """

    kind: Literal["fit"] = "fit"
    attempt: str | None = None
    digest: Sha256 | None = None
    ensemble: Weights | None = None
    latents: Artefact | None = None
    sheet: Artefact | None = None
    metrics: FitMetrics | None = None
