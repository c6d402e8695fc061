"""A labelset: real images with labels of one to three kinds, and the schema that says what the labels mean.

It is immutable. Its manifest is written last and pins every image and every label by digest.
"""

from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.base import Artefact, Model, Sha256, Timestamp
from contracts.digests import digest_of
from contracts.ids import LabelsetId, TenantId
from contracts.jobs import Idempotency
from contracts.schemas import LabelSchema, TaskName

NPY_TYPE = "application/x-npy"
"""The media type of a depth map that came as float32 with NaN where nothing is known; others are 16-bit PNG."""


WarningCode = Literal[
    "binary_masks_mapped",
    "coco_boxes_ignored",
    "coco_categories_skipped",
    "coco_crowds_drawn",
    "coco_crowds_ignored",
    "coco_images_background",
    "coco_regions_outside",
    "coco_skeleton_ignored",
    "depth_unknown_in_npy",
    "empty_classes",
    "exif_ignored",
    "exif_turned",
    "files_skipped",
]
"""Every warning that an upload may be taken with; docs/12-labels-and-tasks.md says what each means."""


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
    """What is known of depth: the nearest and farthest value in the schema's unit, and in how many pixels."""

    nearest: float
    farthest: float
    num_pixels: Annotated[int, Field(ge=1)]


class LabelsetEntry(Model):
    """One image and its labels; a kind of label that it lacks is None.

    `class_pixels` counts the mask's pixels by class index; `visibility` is that of each keypoint.
    """

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

    def label(self, task: TaskName) -> Artefact | None:
        """The label that `task` learns from."""
        labels = {"segmentation": self.mask, "keypoints": self.keypoints, "depth": self.depth}
        return labels[task]

    def only(self, tasks: tuple[TaskName, ...]) -> Self:
        """The same image with the labels of these tasks alone."""
        gone: dict[str, object] = {}
        if "segmentation" not in tasks:
            gone |= {"mask": None, "class_pixels": (), "ignored_pixels": 0}
        if "keypoints" not in tasks:
            gone |= {"keypoints": None, "visibility": ()}
        if "depth" not in tasks:
            gone |= {"depth": None, "depth_range": None}
        return self.model_copy(update=gone)


class LabelsetManifest(Model):
    """The whole labelset: what has one exists."""

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
        """In how many images each class occurs, by class index."""
        return _count([entry.class_pixels for entry in self.entries if entry.mask], least=1)

    @property
    def keypoint_images(self) -> tuple[int, ...]:
        """In how many images each keypoint is labelled, covered or seen."""
        return _count([entry.visibility for entry in self.entries if entry.keypoints], least=1)

    @property
    def keypoints_seen(self) -> tuple[int, ...]:
        """In how many images each keypoint is seen."""
        return _count([entry.visibility for entry in self.entries if entry.keypoints], least=2)

    @property
    def depth_range(self) -> DepthRange | None:
        """What is known of depth in all images together."""
        known = [entry.depth_range for entry in self.entries if entry.depth_range]
        if not known:
            return None
        return DepthRange(
            nearest=min(one.nearest for one in known),
            farthest=max(one.farthest for one in known),
            num_pixels=sum(one.num_pixels for one in known),
        )

    def num_labelled(self, task: TaskName) -> int:
        """How many images have a label of this kind."""
        return sum(entry.label(task) is not None for entry in self.entries)

    def only(self, tasks: tuple[TaskName, ...]) -> Self:
        """The same images with the labels of these tasks alone; images that have none of them are left out."""
        entries = tuple(
            entry.only(tasks)
            for entry in self.entries
            if any(entry.label(task) is not None for task in tasks)
        )
        return self.model_copy(update={"labels": self.labels.only(tasks), "entries": entries})


def labelset_digest(labels: LabelSchema, entries: tuple[LabelsetEntry, ...]) -> str:
    """The digest of a labelset's content: schema, and name, image and labels of every entry in order of name."""
    pinned = sorted(
        (
            entry.name,
            entry.image.sha256,
            *(
                label.sha256 if label else ""
                for label in (entry.mask, entry.keypoints, entry.depth)
            ),
        )
        for entry in entries
    )
    return digest_of({"labels": labels.model_dump(mode="json"), "entries": pinned})


def _count(rows: list[tuple[int, ...]], *, least: int) -> tuple[int, ...]:
    """For each column, in how many rows it holds at least `least`."""
    return tuple(sum(value >= least for value in column) for column in zip(*rows, strict=True))
