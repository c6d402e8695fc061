"""A labelset: real images with labels for one or more tasks, and the schema that says what the labels mean.

It is immutable. Its manifest is written last and pins every image and every label by digest.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.base import Artefact, Condition, Model, Sha256, Timestamp
from contracts.digests import digest_of
from contracts.ids import LabelsetId, TenantId
from contracts.jobs import Idempotency
from contracts.schemas import (
    TASK_FIELDS,
    TASK_NAMES,
    LabelSchema,
    TaskName,
    WithParts,
    rows_without,
)

NPY_TYPE = "application/x-npy"
"""The media type of a depth map in float32 with NaN for unknown; other depth maps are 16-bit PNG."""

WarningCode = Literal[
    "binary_masks_ignored",
    "binary_masks_mapped",
    "coco_boxes_drawn",
    "coco_boxes_ignored",
    "coco_categories_skipped",
    "coco_crowds_drawn",
    "coco_crowds_ignored",
    "coco_images_background",
    "coco_images_skipped",
    "coco_polygons_skipped",
    "coco_regions_outside",
    "coco_skeleton_ignored",
    "depth_unknown_in_npy",
    "empty_classes",
    "exif_ignored",
    "exif_turned",
    "files_skipped",
    "keypoints_in_first_pixel",
    "similar_names",
]
"""Every warning about an accepted upload; docs/12-labels-and-tasks.md says what each means."""


class LabelsetWarning(Model):
    """Something about an upload that its owner should check. `files` names at most 20 of the files."""

    code: WarningCode
    detail: str
    num_files: Annotated[int, Field(ge=0)] = 0
    files: tuple[str, ...] = ()


class LabelledPoint(Model):
    """One keypoint as stored: continuous pixels (the first pixel's centre is 0.5, 0.5) and COCO's visibility.

    0: not labelled, x and y are 0; 1: labelled but covered; 2: seen.
    """

    x: float
    y: float
    visibility: Annotated[int, Field(ge=0, le=2)]


class StoredKeypoints(Model):
    """The file of one image's keypoints, in the order of the schema's names."""

    points: tuple[LabelledPoint, ...]


class DepthRange(Model):
    """The known depth: its nearest and farthest value in the schema's unit, and its number of pixels."""

    nearest: float
    farthest: float
    num_pixels: Annotated[int, Field(ge=1)]


class LabelsetEntry(WithParts):
    """One image and its labels; a kind of label that it lacks is None.

    `class_pixels` counts the mask's pixels by class index; `visibility` is that of each keypoint. `condition` is the
    image's class for a class-conditional generator: all images of a labelset have one, or none has.
    """

    # The label of a further task, under the task's name.
    __pydantic_extra__: dict[str, Artefact] = Field(init=False)

    name: str
    image: Artefact
    mask: Artefact | None = None
    keypoints: Artefact | None = None
    depth: Artefact | None = None
    height_px: Annotated[int, Field(ge=1)]
    width_px: Annotated[int, Field(ge=1)]
    class_pixels: tuple[int, ...] = ()
    ignored_pixels: Annotated[int, Field(ge=0)] = 0
    visibility: tuple[int, ...] = ()
    depth_range: DepthRange | None = None
    condition: Condition | None = None

    def label(self, task: TaskName) -> Artefact | None:
        """Return the label that `task` learns from."""
        fields = {row.task: next(iter(row.entry)) for row in TASK_FIELDS}
        label: Artefact | None = getattr(self, fields.get(task, task), None)
        return label

    def only(self, tasks: Sequence[TaskName]) -> Self:
        """Return the same image with the labels of these tasks only."""
        absent = {name: value for row in rows_without(tasks) for name, value in row.entry.items()}
        return self._without(absent, tasks)


class LabelsetManifest(Model):
    """The whole labelset. A labelset exists once its manifest is stored."""

    tenant: TenantId
    id: LabelsetId
    name: str
    created_at: Timestamp
    digest: Sha256
    labels: LabelSchema
    entries: Annotated[tuple[LabelsetEntry, ...], Field(min_length=1)]
    class_pixels: tuple[int, ...]
    ignored_pixels: Annotated[int, Field(ge=0)]
    warnings: tuple[LabelsetWarning, ...] = ()
    idempotency: Idempotency | None = None

    @property
    def class_images(self) -> tuple[int, ...]:
        """The number of images in which each class occurs, by class index."""
        return _count([entry.class_pixels for entry in self.entries if entry.mask], least=1)

    @property
    def keypoint_images(self) -> tuple[int, ...]:
        """The number of images in which each keypoint is labelled, covered or seen."""
        return _count([entry.visibility for entry in self.entries if entry.keypoints], least=1)

    @property
    def keypoints_seen(self) -> tuple[int, ...]:
        """The number of images in which each keypoint is seen."""
        return _count([entry.visibility for entry in self.entries if entry.keypoints], least=2)

    @property
    def depth_range(self) -> DepthRange | None:
        """The known depth of all images together."""
        ranges = [entry.depth_range for entry in self.entries if entry.depth_range]
        if not ranges:
            return None
        return DepthRange(
            nearest=min(each.nearest for each in ranges),
            farthest=max(each.farthest for each in ranges),
            num_pixels=sum(each.num_pixels for each in ranges),
        )

    @property
    def condition_images(self) -> dict[int, int]:
        """The number of images of each condition, in order; empty for images without."""
        counts = Counter(one.condition for one in self.entries if one.condition is not None)
        return dict(sorted(counts.items()))

    def num_labelled(self, task: TaskName) -> int:
        """Return how many images have a label of this kind."""
        return sum(entry.label(task) is not None for entry in self.entries)

    def only(self, tasks: Sequence[TaskName]) -> Self:
        """Return the labelset of the images with labels for these tasks, with these labels only."""
        entries = tuple(
            entry.only(tasks)
            for entry in self.entries
            if any(entry.label(task) is not None for task in tasks)
        )
        return self.model_copy(update={"labels": self.labels.only(tasks), "entries": entries})


def labelset_digest(labels: LabelSchema, entries: tuple[LabelsetEntry, ...]) -> str:
    """Return the digest of a labelset: of its schema, and of name, image and labels of each entry, sorted by name.

    Also of the conditions of images that have one.
    """
    pinned = sorted(_pin(entry) for entry in entries)
    return digest_of({"labels": labels.model_dump(mode="json"), "entries": pinned})


def _pin(entry: LabelsetEntry) -> tuple[str, ...]:
    """Return the name and digests of an entry. Labels of further tasks have the task's name, as their order is free."""
    labels = [entry.label(task) for task in TASK_NAMES]
    further = sorted(f"{task}:{label.sha256}" for task, label in entry.parts.items())
    digests = [label.sha256 if label else "" for label in labels]
    condition = [] if entry.condition is None else [f"condition:{entry.condition}"]
    return (entry.name, entry.image.sha256, *digests, *further, *condition)


def _count(rows: list[tuple[int, ...]], *, least: int) -> tuple[int, ...]:
    """Return the number of rows with a value of at least `least`, for each column."""
    return tuple(sum(value >= least for value in column) for column in zip(*rows, strict=True))
