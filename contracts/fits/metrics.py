"""What a fit is worth: its reconstructions, its scores on held-out images, and a cross-validated estimate of them."""

from pydantic import Field

from contracts.base import Model, Sha256


class InvertedImage(Model):
    """How well the generator expresses one image.

    `perceptual_distance` is in the features of the generator's discriminator; none without one. An image that is not
    expressible is reconstructed hardly better than another sample would be, or without half of its fine detail: its
    label says little.
    """

    name: str
    psnr_db: float
    perceptual_distance: float | None = None
    is_expressible: bool = True


class KeypointMetrics(Model):
    """How well keypoints are found. A number is None where no labelled point could be judged.

    `pck` is the share of labelled points that are found within a tenth of the image's reference length, `point_pck` the
    same for each keypoint; `visibility_accuracy` is the share of points whose being seen or not is told rightly.
    """

    pck: float | None
    point_pck: dict[str, float | None]
    mean_error_px: float | None
    visibility_accuracy: float | None


class DepthMetrics(Model):
    """How well depth is told where it is known. A number is None where nothing is.

    `absrel` is the mean of |error| / truth, `rmse` the root mean square error in the labels' unit, `delta1` the share
    of pixels whose ratio to the truth is below 1.25.
    """

    absrel: float | None
    rmse: float | None
    delta1: float | None


class TaskMetrics(Model):
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


class ImageEstimate(Model):
    """One image as the ensembles that never saw its label would have labelled it."""

    name: str
    miou: float | None = None
    pck: float | None = None
    absrel: float | None = None


class Estimate(TaskMetrics):
    """Cross-validated label quality: every image is scored by a smaller ensemble trained on the other folds.

    A class in fewer than two images has no IoU of its own and counts as 0 in `miou`.
    `confusion[truth][predicted]` counts pixels of the labelled images; `worst_images` come worst first.
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


class FitMetrics(Model):
    """What a fit is worth. `training_miou` is on the images it trained on and flatters.

    `framing` is the part of the images that is framed as the generator's own, none where the whole is; with the option
    `framing: center` it is what the fit has looked at.
    `estimate` is what can be known without further labelled images, and `advice` what to do about it.
    `min_tap_px` says which of the generator's features are read: those of so many pixels and more.
    `perceptual_sha256` are the mounted weights that the inversion weighed; none where it weighed none.
    """

    reconstruction_psnr_db: float
    images: tuple[InvertedImage, ...]
    training_miou: float | None = None
    training: TaskMetrics | None = None
    heldout: HeldOut | None = None
    estimate: Estimate | None = None
    advice: tuple[str, ...] = ()
    framing: ImagePart | None = None
    min_tap_px: int = 0
    perceptual_sha256: Sha256 | None = None
    stage_seconds: dict[str, float]
