"""The response models of labelsets."""

from typing import Any

from app.http.links import Links
from contracts.base import Condition, Model, Sha256, Timestamp
from contracts.ids import LabelsetId
from contracts.labelsets import DepthRange, LabelsetManifest, LabelsetWarning
from contracts.schemas import LabelSchema, TaskName


class ClassCount(Model):
    """The number of images and pixels of a class."""

    name: str
    num_images: int
    num_pixels: int


class KeypointCount(Model):
    """The number of images in which a keypoint is labelled, and of those in which it is visible."""

    name: str
    num_images: int
    num_seen: int


class ConditionCount(Model):
    """The number of images of one class of a class-conditional generator."""

    condition: Condition
    num_images: int


class EntryView(Model):
    """One image, the tasks that it has labels for, and its condition, the class of the whole image, if it has one."""

    name: str
    height_px: int
    width_px: int
    tasks: tuple[TaskName, ...]
    condition: Condition | None = None


class LabelsetContent(Model):
    """The content of a labelset. `tasks` has the number of labelled images of each task."""

    name: str
    digest: Sha256
    num_images: int
    labels: LabelSchema
    tasks: dict[TaskName, int]
    classes: tuple[ClassCount, ...]
    ignored_pixels: int
    keypoints: tuple[KeypointCount, ...]
    depth: DepthRange | None
    conditions: tuple[ConditionCount, ...]
    warnings: tuple[LabelsetWarning, ...]


class LabelsetSummary(LabelsetContent):
    """A labelset in a list."""

    id: LabelsetId
    created_at: Timestamp
    links: dict[str, str]


class LabelsetView(LabelsetSummary):
    """A labelset with its images."""

    entries: tuple[EntryView, ...]


class LabelsetCheck(LabelsetContent):
    """The labelset that an upload would create. Nothing is stored."""

    entries: tuple[EntryView, ...]


def show_summary(labelset: LabelsetManifest, links: Links) -> LabelsetSummary:
    """Return the view of a labelset in a list."""
    return LabelsetSummary(
        id=labelset.id,
        created_at=labelset.created_at,
        links={"self": links.resource("labelsets", labelset.id)},
        **_content(labelset),
    )


def show_labelset(labelset: LabelsetManifest, links: Links) -> LabelsetView:
    """Return the view of one labelset."""
    return LabelsetView(entries=_entries(labelset), **dict(show_summary(labelset, links)))


def show_check(labelset: LabelsetManifest) -> LabelsetCheck:
    """Return the view of an upload that was only checked."""
    return LabelsetCheck(entries=_entries(labelset), **_content(labelset))


def _content(labelset: LabelsetManifest) -> dict[str, Any]:
    return {
        "name": labelset.name,
        "digest": labelset.digest,
        "num_images": len(labelset.entries),
        "labels": labelset.labels,
        "tasks": {task: labelset.num_labelled(task) for task in labelset.labels.tasks},
        "classes": _count_classes(labelset),
        "ignored_pixels": labelset.ignored_pixels,
        "keypoints": _count_keypoints(labelset),
        "depth": labelset.depth_range,
        "conditions": tuple(
            ConditionCount(condition=condition, num_images=count)
            for condition, count in labelset.condition_images.items()
        ),
        "warnings": labelset.warnings,
    }


def _entries(labelset: LabelsetManifest) -> tuple[EntryView, ...]:
    return tuple(
        EntryView(
            name=entry.name,
            height_px=entry.height_px,
            width_px=entry.width_px,
            tasks=tuple(task for task in labelset.labels.tasks if entry.label(task)),
            condition=entry.condition,
        )
        for entry in labelset.entries
    )


def _count_classes(labelset: LabelsetManifest) -> tuple[ClassCount, ...]:
    counts = zip(labelset.labels.classes, labelset.class_images, labelset.class_pixels, strict=True)
    return tuple(
        ClassCount(name=name, num_images=images, num_pixels=pixels)
        for name, images, pixels in counts
    )


def _count_keypoints(labelset: LabelsetManifest) -> tuple[KeypointCount, ...]:
    names = labelset.labels.keypoints.names if labelset.labels.keypoints else ()
    counts = zip(names, labelset.keypoint_images, labelset.keypoints_seen, strict=True)
    return tuple(
        KeypointCount(name=name, num_images=images, num_seen=seen) for name, images, seen in counts
    )
