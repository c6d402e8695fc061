"""The interface of a task in a worker: its labels between the store, the models, shards and people.

In: stored labels as bytes, and the tensors that a label generator renders. Out: arrays, shard members, metrics of the
contract, and texts and pictures for users. One file per task implements it (`segmentation.py`, `keypoints.py`,
`depth.py`); `registry.py` lists them. Optional methods have a default that does nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from contracts.batches import BatchManifest
from contracts.fits.metrics import Estimate, ScoreInterval, TaskMetrics, TraitShare
from contracts.labelsets import LabelsetManifest
from contracts.schemas import Color, LabelSchema
from handsoff_shards.members import Files
from models.inversion.framing import Framing
from models.tasks.task import Task, TaskLabels
from workers.codecs.images import Pixels

Px = tuple[int, int]
"""Height and width in pixels."""
Array = NDArray[Any]
Fields = Mapping[str, Array]
"""One sample's rendered labels of one task, by name."""
ImageLabels = Mapping[str, Array]
"""The labels of one image, by task."""
Row = Sequence[object]
"""The cells of a table's row."""

FEW_IMAGES = 5
"""A class or keypoint in fewer images than this is rare; advice asks for more of it."""


@dataclass(frozen=True)
class CrossValidated:
    """The result of cross-validation: `values` of the task's score, and the number of images with each trait."""

    values: Mapping[str, Tensor]
    trait_images: Sequence[int]


class TaskCodec(ABC):
    """One task in a worker. A label is one array per image, at the size of the generator's images."""

    name: ClassVar[str]
    """The task's name, as in `models.tasks` and in contracts."""
    noun: ClassVar[str]
    """The plural of its labels in advice: "only 3 images have masks"."""
    kind: ClassVar[type[Task]]
    """The task's class in `models.tasks`, from which stored ensembles are rebuilt."""
    extension: ClassVar[str]
    """The extension of its file in a shard, as `handsoff_shards` reads it."""
    hub_category: ClassVar[str | None] = None
    """The Hub's name of the task, for dataset cards."""

    @abstractmethod
    def task(self, labels: LabelSchema) -> Task:
        """Return the task to learn from labels of this schema."""

    # Labels of a labelset

    @abstractmethod
    def unlabelled(self, labels: LabelSchema, px: Px) -> Array:
        """Return the label of an image without labels of this task."""

    @abstractmethod
    def decode(self, data: bytes, media_type: str, labels: LabelSchema) -> Array:
        """Return a label from its stored bytes."""

    @abstractmethod
    def resized(self, label: Array, source_px: Px, px: Px) -> Array:
        """Return the label of an image of `source_px` for the image at `px`."""

    @abstractmethod
    def reframed(self, label: Array, framing: Framing, px: Px) -> Array:
        """Return the label of the framed part of the image."""

    @abstractmethod
    def is_empty(self, label: Array) -> bool:
        """Return whether the label has no labelled pixel and no labelled point."""

    def trait_names(self, labels: LabelSchema) -> Sequence[str]:
        """Return the names of the classes or keypoints, of which an image may have more or less; none by default."""
        return ()

    def trait_amounts(self, label: Array, labels: LabelSchema) -> Sequence[float]:
        """Return how much of an image that is not empty each trait has, from 0 to 1."""
        return ()

    # Rendered labels

    @abstractmethod
    def fields(self, labels: TaskLabels, index: int) -> Fields:
        """Return the rendered labels of one image as arrays, for a shard."""

    @abstractmethod
    def predicted(self, labels: TaskLabels, index: int) -> Array:
        """Return the rendered labels of one image in the format of `decode`."""

    def label(self, fields: Fields) -> Array:
        """Return the label of a sample in the format of `decode`: by default its first field."""
        return next(iter(fields.values()))

    def stored(self, data: bytes, labels: LabelSchema) -> Array:
        """Return the label in a sample's file in the format of `decode`: by default the file is a PNG of a labelset."""
        return self.decode(data, "image/png", labels)

    @abstractmethod
    def encode(self, fields: Fields, labels: LabelSchema) -> bytes:
        """Return the file of a sample."""

    def companions(self, fields: Fields) -> Files:
        """Return further files of a sample by extension, which its options request."""
        return {}

    def facts(self, fields: Fields, labels: LabelSchema) -> dict[str, object]:
        """Return the fields of the sample's JSON about the labels."""
        return {}

    # Metrics

    @abstractmethod
    def metrics(self, values: Mapping[str, Tensor], labels: LabelSchema) -> dict[str, Any]:
        """Return the fields of `TaskMetrics` from the values of the task's score."""

    @abstractmethod
    def headline(self, metrics: TaskMetrics) -> tuple[str, float | None]:
        """Return the field of `ImageEstimate` that orders images, and its value."""

    def estimated(self, result: CrossValidated, labels: LabelSchema) -> dict[str, Any]:
        """Return the fields of `Estimate` from a cross-validated score."""
        return self.metrics(result.values, labels)

    def quality(self, headline: float) -> float:
        """Return the headline as a number that is 1 for perfect labels."""
        return headline

    # Texts and pictures

    def overlay(self, picture: Pixels, label: Array, labels: LabelSchema) -> Pixels | None:
        """Return the picture with the label on it; None if the label has a separate cell."""
        return None

    def cell(self, label: Array, truth: Array) -> Pixels | None:
        """Return the label as a picture, with the colors of its truth; None if it is an overlay."""
        return None

    def legend(self, labels: LabelSchema) -> list[tuple[str, Color]]:
        """Return the names and colors of the drawn labels."""
        return []

    def agreement(self, predicted: Array, truth: Array) -> list[str]:
        """Return lines on the agreement of a predicted label with the truth."""
        return []

    def compared_shares(self, name: str, share: TraitShare, num_samples: int) -> str:
        """Return the sentence part that compares the shares of a class or keypoint in samples and labelled images."""
        return ""

    def rare(self, labelset: LabelsetManifest) -> tuple[str, Mapping[str, int]]:
        """Return the noun ("class") and the number of labelled images by name, from which rare ones are advised."""
        return "", {}

    def weaknesses(self, labelset: LabelsetManifest, estimate: Estimate) -> Iterator[str]:
        """Yield advice on classes or points that are predicted badly despite enough labels."""
        return iter(())

    def card_measures(self, metrics: TaskMetrics) -> Iterator[Row]:
        """Yield the rows of a dataset card's table of measures."""
        return iter(())

    def card_text(self, labels: LabelSchema, manifest: BatchManifest) -> Iterator[str]:
        """Yield a dataset card's paragraphs about the labels."""
        return iter(())


def codecs_of(tasks: Sequence[TaskCodec], labels: LabelSchema) -> tuple[TaskCodec, ...]:
    """Return the codecs of the schema's tasks, in the order of `tasks`. Raise ValueError when one is missing."""
    missing = set(labels.tasks) - {codec.name for codec in tasks}
    if missing:
        offered = ", ".join(codec.name for codec in tasks)
        raise ValueError(
            f"expected labels of {offered}, got {', '.join(sorted(missing))}; use a worker that has this task"
        )
    return tuple(codec for codec in tasks if codec.name in labels.tasks)


def float_or_none(value: Tensor) -> float | None:
    """Return a measure as a number; None for NaN, which means that it could not be measured."""
    return None if value.isnan() else float(value)


def interval_or_none(bounds: Tensor) -> ScoreInterval | None:
    """Return the bounds [2] of an interval; None for NaN."""
    low, high = bounds.tolist()
    return None if bounds.isnan().any() else ScoreInterval(low=low, high=high)


def intervals_by_name(names: Sequence[str], bounds: Tensor) -> dict[str, ScoreInterval | None]:
    """Return the bounds [names, 2] of intervals by name; None for NaN."""
    return dict(zip(names, map(interval_or_none, bounds), strict=True))


def counts_by_name(names: Sequence[str], counts: Tensor) -> dict[str, int]:
    """Return whole numbers by name."""
    return dict(zip(names, counts.tolist(), strict=True))


def floats_by_name(names: Sequence[str], values: Tensor) -> dict[str, float | None]:
    """Return measures by name; None for NaN."""
    return dict(zip(names, map(float_or_none, values), strict=True))


def as_array(tensor: Tensor) -> Array:
    """Return a tensor's memory as an array: a view, not a copy."""
    return np.asarray(tensor)
