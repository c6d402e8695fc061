"""The training of a generator from unlabelled images: the options of a request, and the report of the training.

In: `TrainingOptions`, which a `GeneratorRequest` pins. Out: `TrainingReport`, which the worker stores while it runs.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Artefact, Model, Seed
from contracts.ids import GeneratorId

MAX_HOURS = 168
MAX_TRAINING = timedelta(hours=2 * MAX_HOURS)
"""RQ ends a training after this time: its own budget, the inverter and the snapshots included."""

DEFAULT_HOURS = 2.0

ImageFit = Literal["crop", "pad"]
NetworkSize = Literal["small", "large"]
Side = Annotated[int, Field(ge=8, le=1_024)]
NumImages = Annotated[int, Field(ge=1, le=1_000_000_000)]


class TrainingOptions(Model):
    """How a generator is trained. The training ends after `hours` or after `images`, whichever is set.

    `px` is the longer side of the generator's images, or (height, width). With the longer side alone, the other one
    follows the median aspect ratio of the images. `hours` counts the time of one device and includes the inverter,
    but no waiting in the queue. `images` counts the images of all steps, repeated ones included. `start_from` is a
    generator of the same family and sizes, whose networks the training begins with instead of random ones.

    Defaults depend on the images where the field says None: `batch` on the family, `size` on `px` (small up to 64),
    `augment` on the number of images (on below 10,000), `inverter_images` on the length of the training.
    """

    family: Annotated[str, Field(min_length=1, max_length=50)] = "stylegan2"
    px: Side | tuple[Side, Side] = 64
    fit: ImageFit = "crop"
    start_from: GeneratorId | None = None
    hours: Annotated[float, Field(gt=0, le=MAX_HOURS)] | None = None
    images: NumImages | None = None
    batch: Annotated[int, Field(ge=2, le=1_024)] | None = None
    size: NetworkSize | None = None
    augment: bool | None = None
    flips: bool = False
    snapshot_images: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    inverter_images: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    seed: Seed = 0

    @model_validator(mode="before")
    @classmethod
    def _set_budget(cls, values: Any) -> Any:  # noqa: ANN401 - a body of any type
        """Train for `DEFAULT_HOURS` if neither hours nor images are given."""
        if (
            isinstance(values, dict)
            and values.get("hours") is None
            and values.get("images") is None
        ):
            return {**values, "hours": DEFAULT_HOURS}
        return values

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        if self.hours is not None and self.images is not None:
            raise ValueError("expected hours or images, got both; leave one out")
        return self


class TrainingSnapshot(Model):
    """A measurement of a running training. `fd` is the Frechet distance of samples to images in random features (FD-R).

    It compares snapshots of one training: lower is better. `sheet` is a PNG of 64 samples.
    """

    images_seen: int
    seconds: float
    fd: float
    losses: dict[str, float]
    sheet: Artefact


class TrainingReport(Model):
    """`generators/{id}/training.json`: what a training has found in its images, expects, and has reached.

    `facts` and `warnings` are sentences about the images. `expected_seconds` follows from measured steps on the device
    of the worker, and includes the inverter. With `keeps_latest` the result is the latest snapshot; reports of earlier
    versions have the one with the lowest `fd` for every family.
    """

    device: str
    height_px: int
    width_px: int
    num_images: int
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    expected_seconds: float | None = None
    images_seen: int = 0
    total_images: int | None = None
    seconds: float = 0.0
    images_per_second: float | None = None
    seconds_left: float | None = None
    snapshots: tuple[TrainingSnapshot, ...] = ()
    keeps_latest: bool = False

    @property
    def best(self) -> TrainingSnapshot | None:
        """The snapshot that is the generator of the result, None before the first one."""
        if self.keeps_latest:
            return max(self.snapshots, key=lambda each: each.images_seen, default=None)
        return min(self.snapshots, key=lambda each: each.fd, default=None)
