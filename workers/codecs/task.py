"""The interface of a task in a worker: its labels between the store, the models, shards and people.

In: stored labels as bytes, and the tensors that a label generator renders. Out: arrays, shard members, measures of the
contract, and words and pictures for the owner of a fit. One file per task implements it (`segmentation.py`,
`keypoints.py`, `depth.py`); `registry.py` lists them. What a task does not need has a default that does nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from contracts.batches import BatchManifest
from contracts.fits.metrics import Estimate, TaskMetrics
from contracts.labelsets import LabelsetManifest
from contracts.schemas import Color, LabelSchema
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
class Judged:
    """What cross-validation found: `values` of the task's score, and in how many images each of its traits occurs."""

    values: Mapping[str, Tensor]
    trait_images: Sequence[int]


class TaskCodec(ABC):
    """One task in a worker. A label is one array per image, at the size of the generator's images."""

    name: ClassVar[str]
    """The task's name, as in `models.tasks` and in contracts."""
    noun: ClassVar[str]
    """What its labels are called in advice: "only 3 images have masks"."""
    kind: ClassVar[type[Task]]
    """The class of its task in `models.tasks`, from which stored ensembles are rebuilt."""
    extension: ClassVar[str]
    """The extension of its file in a shard, as `handsoff_shards` reads it."""
    hub_category: ClassVar[str | None] = None
    """The Hub's name of the task, for dataset cards."""

    @abstractmethod
    def task(self, labels: LabelSchema) -> Task:
        """Return the task to learn from labels of this schema."""

    # Labels of a labelset.

    @abstractmethod
    def unlabelled(self, labels: LabelSchema, px: Px) -> Array:
        """Return the label of an image without labels of this task."""

    @abstractmethod
    def decode(self, data: bytes, media_type: str, labels: LabelSchema) -> Array:
        """Return a label as the app has stored it."""

    @abstractmethod
    def resized(self, label: Array, source_px: Px, px: Px) -> Array:
        """Return the label of an image of `source_px` for the image at `px`."""

    @abstractmethod
    def reframed(self, label: Array, framing: Framing, px: Px) -> Array:
        """Return the label of the framed part of the image."""

    @abstractmethod
    def says_nothing(self, label: Array) -> bool:
        """Return whether the label labels no pixel and no point."""

    # Rendered labels.

    @abstractmethod
    def fields(self, labels: TaskLabels, place: int) -> Fields:
        """Return what a shard needs of the rendered labels of one image."""

    @abstractmethod
    def predicted(self, labels: TaskLabels, place: int) -> Array:
        """Return the rendered labels of one image in the form of a label."""

    @abstractmethod
    def encode(self, fields: Fields, labels: LabelSchema) -> bytes:
        """Return the file of a sample."""

    def facts(self, fields: Fields, labels: LabelSchema) -> dict[str, object]:
        """Return what the sample's JSON says of the labels."""
        return {}

    # Measures.

    @abstractmethod
    def metrics(self, values: Mapping[str, Tensor], labels: LabelSchema) -> dict[str, Any]:
        """Return the fields of `TaskMetrics` from the values of the task's score."""

    @abstractmethod
    def headline(self, metrics: TaskMetrics) -> tuple[str, float | None]:
        """Return the field of `ImageEstimate` that orders images, and its value."""

    def estimated(self, judged: Judged, labels: LabelSchema) -> dict[str, Any]:
        """Return the fields of `Estimate` from a cross-validated score."""
        return self.metrics(judged.values, labels)

    def quality(self, headline: float) -> float:
        """Return the headline as a number that is 1 for perfect labels."""
        return headline

    # Words and pictures.

    def overlay(self, picture: Pixels, label: Array, labels: LabelSchema) -> Pixels | None:
        """Return the picture with the label on it; None when the label has a separate cell."""
        return None

    def cell(self, label: Array, truth: Array) -> Pixels | None:
        """Return the label as a picture, in the colors of its truth; None when it is an overlay."""
        return None

    def legend(self, labels: LabelSchema) -> list[tuple[str, Color]]:
        """Return the names of the colors that the label is drawn in."""
        return []

    def agreement(self, predicted: Array, truth: Array) -> list[str]:
        """Return lines that say how far a predicted label agrees with the truth."""
        return []

    def rare(self, labelset: LabelsetManifest) -> tuple[str, Mapping[str, int]]:
        """Return what a labelset needs several images of: the noun ("class"), and the images by name."""
        return "", {}

    def weaknesses(self, labelset: LabelsetManifest, estimate: Estimate) -> Iterator[str]:
        """Yield advice on classes or points with enough labels that are still learned badly."""
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


def known(value: Tensor) -> float | None:
    """Return a measure as a number; None for NaN, where no label could be judged."""
    return None if value.isnan() else float(value)


def named(names: Sequence[str], values: Tensor) -> dict[str, float | None]:
    """Return measures by name; None for NaN."""
    return dict(zip(names, map(known, values), strict=True))


def as_array(tensor: Tensor) -> Array:
    """Return a tensor's memory as an array: a view, not a copy."""
    return np.asarray(tensor)
