"""The interface of a task: what an ensemble learns at every pixel, from the labels of images to scores of predictions.

In: the labels of some images as one tensor per task. Out: training targets, a loss, votes and scores. One file per task
implements it (`segmentation.py`, `keypoints.py`, `depth.py`); the worker passes the tasks. Nothing else in `models/`
names a task, so a new task is one new file and one row.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.arrays import FeatureMaps, PixelScores, Scores

LabelPx = tuple[int, int]  # height and width of the labels in pixels
# What a loss compares outputs with at drawn pixels, by name; the leading axes are those of the drawn pixels.
Targets = dict[str, Tensor]
# The predicted labels of one task by name; the first axis counts images.
TaskLabels = Mapping[str, Tensor]

KnownPixels = Bool[Tensor, "batch label_height label_width"]
Outputs = Float[
    Tensor, "members count outputs"
]  # one task's part of the last layer, at drawn pixels
MemberValues = Float[Tensor, "members count"]
Loss = Float[Tensor, ""]
Presence = Bool[Tensor, "images traits"]


@dataclass(frozen=True)
class Places:
    """Drawn pixels: `images` are rows of the labels, `pixels` flat indices row by row in each of these images."""

    images: Int[Tensor, "chosen 1"]
    pixels: Int[Tensor, "chosen count"]
    label_px: LabelPx

    @cached_property
    def centers(self) -> Float[Tensor, "chosen count 2"]:
        """X and y of the pixels' centers; the first pixel's center is (0.5, 0.5)."""
        width = self.label_px[1]  # row by row: index = y * width + x
        return torch.stack([self.pixels % width, self.pixels // width], dim=-1) + 0.5


class Scale:
    """How training changes the labels of a task and the odds of a pixel, and how the last layer undoes both.

    Members train in standardized units and on rebalanced pixels. A stored ensemble predicts in the labels' own unit
    and for the true class shares: `undo` folds the change into the last layer once, after training. This class
    changes nothing; a task that needs a scale overrides its parts.
    """

    def standardize(self, labels: Tensor) -> Tensor:
        """Return the labels in the unit of the loss."""
        return labels

    def pixel_weights(self, labels: Tensor) -> PixelScores | None:
        """Return the factor on the odds that a pixel is drawn; None for 1 everywhere."""
        return None

    def undo(self, weight: Tensor, bias: Tensor) -> None:
        """Change the task's part of the last layer in place.

        weight: [members, inputs, outputs]. bias: [members, outputs].
        """


@dataclass(frozen=True)
class LabelOptions:
    """What a rendering adds to labels that are masks. Without an option the labels are as always.

    `soft_labels`: the number of most probable classes to keep at each pixel with their probabilities. `ignore_above`:
    pixels with a higher uncertainty, in nats, have no class.
    """

    soft_labels: int | None = None
    ignore_above: float | None = None

    @property
    def are_given(self) -> bool:
        """Whether one of the options is set."""
        return self != LabelOptions()


class Votes(ABC):
    """The running vote of an ensemble on one task. Members are added one by one; no member's maps are kept."""

    @abstractmethod
    def add(self, outputs: FeatureMaps) -> None:
        """Count one member's raw outputs for this task [n, outputs, h, w]. May overwrite them."""

    @abstractmethod
    def labels(self) -> dict[str, Tensor]:
        """Return the ensemble's labels by name, on the device of the outputs."""

    def refined(self, options: LabelOptions) -> dict[str, Tensor]:
        """Return the labels with the options applied. A task whose labels have no options returns `labels`."""
        return self.labels()

    @property
    @abstractmethod
    def uncertainty(self) -> PixelScores:
        """The disagreement of the members at every pixel."""

    @property
    @abstractmethod
    def scores(self) -> Scores:
        """The disagreement of the members in every image."""


class Score(ABC):
    """Errors of predicted labels against true labels, pooled over all images that are added."""

    @abstractmethod
    def add(self, labels: TaskLabels, truth: Tensor) -> None:
        """Count some images: their predicted labels, and the true labels of the same images."""

    @abstractmethod
    def values(self) -> dict[str, Tensor]:
        """Return every measure by name. NaN: no label could be judged."""


class Task(ABC):
    """One kind of label. The fields of a subclass are stored beside the ensemble, so they are plain numbers."""

    # The task's name in requests, answers and stored configurations.
    name: ClassVar[str]
    # Whether `mirrored`, `swapped` and `unmirrored` are right for the task. A fit of others mirrors no image.
    can_mirror: ClassVar[bool] = False

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many outputs of the last layer belong to the task."""

    @abstractmethod
    def labelled(self, labels: Tensor, label_px: LabelPx) -> KnownPixels:
        """Return where the images have a label."""

    @abstractmethod
    def traits(self, labels: Tensor) -> Presence:
        """Return what each image can teach (its classes, its keypoints): cross-validation deals images out by it."""

    @abstractmethod
    def targets(self, labels: Tensor, places: Places) -> Targets:
        """Return the training targets at drawn pixels, [chosen, count, ...]."""

    @abstractmethod
    def loss(self, outputs: Outputs, targets: Targets) -> Loss:
        """Return the loss, summed over the members: so each member has the gradient that it would have alone."""

    @abstractmethod
    def votes(self, label_px: LabelPx) -> Votes:
        """Return an empty vote for labels of this size."""

    @abstractmethod
    def score(self, label_px: LabelPx) -> Score:
        """Return an empty score for labels of this size."""

    def check(self, labels: Tensor, label_px: LabelPx) -> None:
        """Raise ValueError unless labels [n, h, w, ...] have the size `label_px`. A task without maps overrides it."""
        if tuple(labels.shape[1:3]) != label_px:
            raise ValueError(
                f"labels for {self.name} have {tuple(labels.shape[1:3])} pixels, expected {label_px}"
            )

    def scale(self, labels: Tensor, balance: float) -> Scale:
        """Return the scale measured on the training labels. `balance`: 0 keeps class shares, 1 evens them out."""
        return Scale()

    def focus(self, labels: Tensor, label_px: LabelPx) -> PixelScores | None:
        """Return weights of the pixels that training may draw more often (boundaries); None without such pixels."""
        return None

    def mirrored(self, labels: Tensor, label_px: LabelPx) -> Tensor:
        """Return the labels of mirrored images, where every part keeps its name; by default those of maps."""
        return labels.flip(-1)

    def swapped(self, labels: Tensor, swap: Sequence[int]) -> Tensor:
        """Return labels in which class or keypoint i is called `swap[i]`; labels without names stay."""
        return labels

    def unmirrored(self, outputs: FeatureMaps, swap: Sequence[int]) -> FeatureMaps:
        """Return raw outputs [n, outputs, h, w] for mirrored images as outputs for the images themselves."""
        return outputs.flip(3)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them; a field that is None is left out."""
        # None is the default of optional fields, so leaving it out loses nothing.
        fields = asdict(self)  # type: ignore[call-overload]  # every task is a dataclass
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Task":
        """Undo `to_dict`, also for values from JSON, which turns tuples into lists."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


class Mean:
    """The mean of tensors of one shape. It adds in place to the first tensor and so takes ownership of that tensor."""

    def __init__(self) -> None:
        self._total: Tensor | None = None  # the sum of all tensors so far
        self._count = 0

    def add(self, values: Tensor) -> None:
        # The first tensor is the sum: no other of its size is allocated.
        self._total = values if self._total is None else self._total.add_(values)
        self._count += 1

    @property
    def value(self) -> Tensor:
        if self._total is None:
            raise no_members()
        return self._total / self._count


def no_members() -> ValueError:
    """Return the error for a vote without members."""
    return ValueError("expected at least one ensemble member, got 0")


def mean_over_known(values: MemberValues, known: Bool[Tensor, "members count"]) -> Loss:
    """Sum the members' mean losses. A member whose pixels are all unknown adds 0, and its gradient is 0."""
    # [members, count] => [members] => []. A count of at least 1: 0 / 1 instead of 0 / 0.
    counts = known.sum(dim=1).clamp(min=1)
    return ((values * known).sum(dim=1) / counts).sum()


def number(value: float) -> Float[Tensor, ""]:
    """Return a measure as a tensor, in the double precision that JSON keeps."""
    return torch.tensor(value, dtype=torch.float64)


def check_same(predicted: Tensor, truth: Tensor, noun: str) -> None:
    """Raise ValueError unless both tensors have the same shape."""
    if predicted.shape != truth.shape:
        raise ValueError(
            f"prediction has shape {tuple(predicted.shape)}, truth {tuple(truth.shape)}; "
            f"both must be {noun} of the same images"
        )
