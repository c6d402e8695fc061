"""The quality of a fit: its reconstructions, its scores on held-out images, and a cross-validated estimate of them."""

from pydantic import Field

from contracts.base import Model, Sha256
from contracts.schemas import JsonObject, WithParts

WEAK_IOU = 0.5
"""A class with a lower IoU is weak: at best two thirds of its pixels are right (F1 = 2 IoU / (1 + IoU)). On portraits
with 16 labels, half of the samples that a fit with weak glasses labelled with glasses had none (decision 0039)."""


class InvertedImage(Model):
    """How well the generator expresses one image.

    `perceptual_distance` is in the features of the generator's discriminator; none without one. The reconstruction of
    an image that is not expressible is hardly better than another sample, or lacks half of the fine detail: its label
    teaches little.
    """

    name: str
    psnr_db: float
    perceptual_distance: float | None = None
    is_expressible: bool = True


class ScoreInterval(Model):
    """The 95% interval of a score over images: the percentile bootstrap. It leaves out how trainings differ.

    There is none if all images agree, such as a keypoint that is a hit in each.
    """

    low: float
    high: float


class KeypointMetrics(Model):
    """The accuracy of keypoints. A number is None where no labelled point could be judged.

    `pck` is the share of labelled points with an error below a tenth of the image's reference length, `point_pck` the
    same for each keypoint; `visibility_accuracy` is the share of points with the right visibility. `point_images` is
    the number of scored images in which each keypoint is visible. Without at least three, it has no interval; fits of
    earlier versions have none.
    """

    pck: float | None
    point_pck: dict[str, float | None]
    mean_error_px: float | None
    visibility_accuracy: float | None
    pck_interval: ScoreInterval | None = None
    point_intervals: dict[str, ScoreInterval | None] = Field(default_factory=dict)
    point_images: dict[str, int] = Field(default_factory=dict)


class DepthMetrics(Model):
    """The accuracy of depth where it is known. A number is None where no depth is known.

    `absrel` is the mean of |error| / truth, `rmse` the root mean square error in the labels' unit, `delta1` the share
    of pixels whose ratio to the truth is below 1.25.
    """

    absrel: float | None
    rmse: float | None
    delta1: float | None


class TaskMetrics(WithParts):
    """The score of each task with labels to compare with; None for the other tasks.

    A class that occurs in neither labels nor predictions has no IoU; `miou` is the mean over the classes that
    the labels contain, and none when every pixel is ignored. `ece` is the expected calibration error of the class
    probabilities. `class_images` is the number of scored images with each class. Without at least three, a class has no
    interval; fits of earlier versions have none.
    """

    # The measures of a further task, under the task's name.
    __pydantic_extra__: dict[str, JsonObject] = Field(init=False)

    miou: float | None = None
    class_iou: dict[str, float | None] = Field(default_factory=dict)
    miou_interval: ScoreInterval | None = None
    class_intervals: dict[str, ScoreInterval | None] = Field(default_factory=dict)
    class_images: dict[str, int] = Field(default_factory=dict)
    ece: float | None = None
    keypoints: KeypointMetrics | None = None
    depth: DepthMetrics | None = None


class HeldOut(TaskMetrics):
    """The label generator on images that it never trained on."""

    num_images: int
    reconstruction_psnr_db: float
    images: tuple[InvertedImage, ...]


class ImageEstimate(WithParts):
    """One image, labelled by the ensembles that never saw its label: one headline measure for each task."""

    __pydantic_extra__: dict[str, float | None] = Field(init=False)

    name: str
    miou: float | None = None
    pck: float | None = None
    absrel: float | None = None


class Estimate(TaskMetrics):
    """Cross-validated label quality: every image is scored by a smaller ensemble trained on the other folds.

    A class in fewer than two images has no IoU. In `miou` it counts as 0 without an image; with one image it counts
    like the scored classes in two to four images, without such classes as half of the mean of the others.
    `confusion[truth][predicted]` counts pixels of the labelled images; `worst_images` starts with the worst.
    """

    num_folds: int
    num_members: int
    num_steps: int
    confusion: tuple[tuple[int, ...], ...] | None = None
    worst_images: tuple[ImageEstimate, ...] = ()


class ImagePart(Model):
    """A part of every image, its edges as shares of width and height; beyond 0 to 1 lies padding."""

    left: float
    top: float
    right: float
    bottom: float


class TraitShare(Model):
    """How much of the labelled images and of generated samples one class or keypoint has.

    `labelled` and `generated` are shares of the pixels for a class, and of the images in which it is visible for a
    keypoint; `labelled_images` and `generated_images` are shares of the images with it. `is_low`: the generated share
    is less than half of the labelled one with 95% confidence.
    """

    labelled: float
    generated: float
    labelled_images: float
    generated_images: float
    is_low: bool


class GeneratedShares(Model):
    """Classes and keypoints in unfiltered samples of the fit, by task and name; their seed is no caller's."""

    num_samples: int
    truncation: float
    tasks: dict[str, dict[str, TraitShare]]


class RealComparison(Model):
    """The fit's labels against those of a small network that trained on the labelled images alone.

    Both label the same `num_images` images, which they have not seen. `fit` and `real` are their mean scores over
    images and tasks, 1 for perfect labels; `low` to `high` is the 95% interval of the mean of fit - real.
    `predicts_harm`: the interval is below 0, so generated pairs alone will probably teach less than labelled images do.
    """

    num_images: int
    fit: float
    real: float
    low: float
    high: float
    predicts_harm: bool


class TrainingPoint(Model):
    """A point of a training: the mean loss of a label head over the steps since the point before, up to `step`.

    The loss is the sum over the tasks: nats at a pixel for classes, nats summed over the points for keypoints, and
    standard deviations for depth.
    """

    step: int
    loss: float


class FitMetrics(Model):
    """The quality of a fit. `training_miou` is on the images it trained on, so it is too high for other images.

    `framing` is the part of the images that is framed like the generator's samples, none for the whole image; with the
    option `framing: center` it is the part that the fit used.
    `estimate` needs no further labelled images; `advice` says how to improve it. `warnings` say where generated pairs
    would teach badly, by `comparison` and by `generated`, the shares of classes in generated samples.
    `min_tap_px`: the fit reads the generator's features of this many pixels and more. `flips`: it trained on mirrored
    images too.
    `perceptual_sha256` are the mounted weights of the inversion's perceptual distance; none without them.
    `training_curve` has at most 50 points of the training; fits of earlier versions have none.
    """

    reconstruction_psnr_db: float
    images: tuple[InvertedImage, ...]
    training_miou: float | None = None
    training: TaskMetrics | None = None
    heldout: HeldOut | None = None
    estimate: Estimate | None = None
    comparison: RealComparison | None = None
    generated: GeneratedShares | None = None
    warnings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    framing: ImagePart | None = None
    min_tap_px: int = 0
    flips: bool = False
    perceptual_sha256: Sha256 | None = None
    training_curve: tuple[TrainingPoint, ...] = ()
    stage_seconds: dict[str, float]
