"""Derives the label schema from a COCO file: which categories are classes of masks, keypoints and skeleton."""

from collections.abc import Mapping
from typing import Any

from app.decoding.coco.file import CocoFile
from app.decoding.coco.models import Category
from app.decoding.refusal import Notices, Refused
from contracts.schemas import normalized

BACKGROUND = "background"


def is_background(name: str) -> bool:
    """Return whether a class is the background by its name, including the spelling `_background_`."""
    return name.strip("_ ").casefold() == BACKGROUND


def class_name(category: Category) -> str:
    """Return the class name of a category."""
    return normalized(category.name).strip()


def derive_schema(
    coco: CocoFile, file: str, notices: Notices, *, own_classes: bool
) -> Mapping[str, Any]:
    """Return the fields of labelset.json: background and the classes in order of id, keypoints and skeleton.

    `own_classes`: labelset.json lists the classes itself. Raises `Refused` for two classes of one name.
    """
    schema: dict[str, Any] = {}
    classes = _classes(coco, file, notices)
    if coco.has_regions and not own_classes:
        names = [class_name(category) for category in classes]
        # A COCO file usually lists only objects; everything else is background.
        has_background = any(is_background(name) for name in names)
        schema["classes"] = names if has_background else [BACKGROUND, *names]
    with_keypoints = [one for one in coco.categories if one.keypoints]
    if with_keypoints and coco.stems("keypoints"):
        with_keypoints.sort(key=lambda one: one.order)
        # Some files list several keypoint categories but annotate one.
        used = {one.category_id for one in coco.annotations if one.has_keypoints}
        category = next((one for one in with_keypoints if one.id in used), with_keypoints[0])
        skeleton = _skeleton(category, file, notices)
        schema["keypoints"] = {"names": list(category.keypoints), "skeleton": skeleton}
    return schema


def check_labels_something(coco: CocoFile, file: str) -> None:
    """Raise `Refused` if the file has neither regions nor labelled keypoints."""
    if coco.has_regions or coco.stems("keypoints"):
        return
    num_boxes = sum(bool(annotation.bbox) for annotation in coco.annotations)
    actual = f"{len(coco.annotations)} annotations with neither"
    if num_boxes:
        actual = f"{num_boxes} annotations with only boxes"
    detail = (
        f'Expected regions ("segmentation") or labelled keypoints, got {actual}. Export the file with masks or'
        " polygons: boxes do not show which pixels belong to an object."
    )
    raise Refused(file, detail)


def _classes(coco: CocoFile, file: str, notices: Notices) -> list[Category]:
    """Return the categories that are classes of masks, in order of id."""
    parents = {
        one.supercategory: one.id for one in coco.categories if one.supercategory != one.name
    }
    parents |= _shared_parents(coco)
    annotated = {annotation.category_id for annotation in coco.annotations}
    # Roboflow and others add a root category that is the parent of all others and has no objects.
    classes = []
    for category in sorted(coco.categories, key=lambda category: category.order):
        name = class_name(category)
        if category.id in coco.with_regions or is_background(name):
            classes.append(category)
        elif category.keypoints:
            _skip(
                notices,
                file,
                name,
                "has keypoints but no regions, so its objects are background in masks",
            )
        elif category.id not in annotated and category.name in parents:
            _skip(notices, file, name, "is only the supercategory of others")
        else:
            classes.append(category)
    _check_names(classes, file)
    return classes


def _shared_parents(coco: CocoFile) -> dict[str | None, int | str]:
    """Return supercategories that a category of the same name refers to: a root named like its only class."""
    return {
        child.supercategory: child.id
        for child in coco.categories
        for other in coco.categories
        if child.id != other.id and child.supercategory == other.name == child.name
    }


def _skip(notices: Notices, file: str, name: str, why: str) -> None:
    notices.add(
        "coco_categories_skipped",
        f"Category '{name[:64]}' was not used as a class: it {why}.",
        file,
    )


def _check_names(classes: list[Category], file: str) -> None:
    by_name: dict[str, Category] = {}
    for category in classes:
        other = by_name.setdefault(class_name(category), category)
        if other is not category:
            detail = (
                f"Expected different category names, got '{class_name(category)[:64]}' for categories {other.id} and"
                f" {category.id}. Rename one, or give both the same id."
            )
            raise Refused(file, detail)


def _skeleton(category: Category, file: str, notices: Notices) -> list[list[str]]:
    """Return the skeleton as pairs of keypoint names, or an empty list with a warning if it is invalid."""
    names = category.keypoints
    lines = _pairs(category.skeleton)
    ends = [end for line in lines or () for end in line]
    # COCO counts from 1; some tools count from 0, which shows as a 0 in the list.
    first = 0 if 0 in ends else 1
    if lines is None or any(not first <= end < len(names) + first for end in ends):
        detail = (
            f"The skeleton of '{category.name[:64]}' was ignored: expected pairs of keypoint numbers from 1 to"
            f" {len(names)}. It only affects drawings."
        )
        notices.add("coco_skeleton_ignored", detail, file)
        return []
    return [[names[a - first], names[b - first]] for a, b in lines]


def _pairs(skeleton: object) -> list[tuple[int, int]] | None:
    """Return the skeleton as pairs of integers, or None if it is anything else."""
    if not skeleton:
        return []
    if not isinstance(skeleton, list | tuple):
        return None
    pairs: list[tuple[int, int]] = []
    for line in skeleton:
        match line:
            case [int(a), int(b)]:
                pairs.append((a, b))
            case _:
                return None
    return pairs
