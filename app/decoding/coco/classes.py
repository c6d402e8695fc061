"""Which categories of a COCO file are classes of masks, and what the file says in place of labelset.json."""

from collections.abc import Mapping
from typing import Any

from app.decoding.archives.names import composed
from app.decoding.coco.files import CocoFile
from app.decoding.coco.shapes import Category
from app.decoding.refusal import Notices, Refused

BACKGROUND = "background"


def is_background(name: str) -> bool:
    """Whether a class is the background by its name, also as tools spell it: `_background_`."""
    return name.strip("_ ").casefold() == BACKGROUND


def class_name(category: Category) -> str:
    """The name of a category as the name of a class."""
    return composed(category.name).strip()


def declared(
    coco: CocoFile, file: str, notices: Notices, *, own_classes: bool
) -> Mapping[str, Any]:
    """What labelset.json would say: background and the classes in order of their id, keypoints and skeleton.

    `own_classes`: labelset.json names the classes. Raises `Refused` for two classes of one name, and for a file that
    labels nothing.
    """
    said: dict[str, Any] = {}
    classes = _classes(coco, file, notices)
    if coco.has_regions and not own_classes:
        names = [class_name(category) for category in classes]
        has_background = any(is_background(name) for name in names)
        said["classes"] = names if has_background else [BACKGROUND, *names]
    pointed = sorted((one for one in coco.categories if one.keypoints), key=lambda one: one.id)
    if pointed and coco.stems("keypoints"):
        used = {one.category_id for one in coco.annotations if one.has_keypoints}
        category = next((one for one in pointed if one.id in used), pointed[0])
        skeleton = _skeleton(category, file, notices)
        said["keypoints"] = {"names": list(category.keypoints), "skeleton": skeleton}
    return said


def check_labels_something(coco: CocoFile, file: str) -> None:
    """Raises `Refused` when the file has neither regions nor keypoints, and says what it has instead."""
    if coco.has_regions or coco.stems("keypoints"):
        return
    num_boxes = sum(annotation.bbox is not None for annotation in coco.annotations)
    has = f"{len(coco.annotations)} annotations with neither"
    if num_boxes:
        has = f"{num_boxes} annotations with boxes alone"
    detail = (
        f'Expected regions ("segmentation") or labelled keypoints, got {has}. Export it with masks or polygons: a box'
        " does not say which pixels are the object."
    )
    raise Refused(file, detail)


def _classes(coco: CocoFile, file: str, notices: Notices) -> list[Category]:
    """The categories that are classes of masks, in order of their id."""
    parents = {
        one.supercategory: one.id for one in coco.categories if one.supercategory != one.name
    }
    parents |= _shared_parents(coco)
    annotated = {annotation.category_id for annotation in coco.annotations}
    classes = []
    for category in sorted(coco.categories, key=lambda category: category.id):
        name = class_name(category)
        if category.id in coco.with_regions or is_background(name):
            classes.append(category)
        elif category.keypoints:
            _skip(
                notices,
                file,
                name,
                "has keypoints but no region; in masks its objects are background",
            )
        elif category.id not in annotated and category.name in parents:
            _skip(notices, file, name, "is only the supercategory of others")
        else:
            classes.append(category)
    _check_names(classes, file)
    return classes


def _shared_parents(coco: CocoFile) -> dict[str | None, int]:
    """Supercategories that another category of the same name refers to: a root named like its only class."""
    return {
        child.supercategory: child.id
        for child in coco.categories
        for other in coco.categories
        if child.id != other.id and child.supercategory == other.name == child.name
    }


def _skip(notices: Notices, file: str, name: str, why: str) -> None:
    notices.add("coco_categories_skipped", f"Category '{name[:64]}' is no class: it {why}.", file)


def _check_names(classes: list[Category], file: str) -> None:
    known: dict[str, Category] = {}
    for category in classes:
        other = known.setdefault(class_name(category), category)
        if other is not category:
            detail = (
                f"Categories {other.id} and {category.id} are both named '{class_name(category)[:64]}'. Rename one, or"
                " give both the same id."
            )
            raise Refused(file, detail)


def _skeleton(category: Category, file: str, notices: Notices) -> list[list[str]]:
    """The lines between keypoints, by their names. Lines that join no keypoints are left out with a warning."""
    names = category.keypoints
    lines = _pairs(category.skeleton)
    ends = [end for line in lines or () for end in line]
    first = 0 if 0 in ends else 1
    if lines is None or any(not first <= end < len(names) + first for end in ends):
        detail = (
            f"The skeleton of '{category.name[:64]}' was left out: expected pairs of keypoint numbers from 1 to"
            f" {len(names)}. It only matters for drawings."
        )
        notices.add("coco_skeleton_ignored", detail, file)
        return []
    return [[names[a - first], names[b - first]] for a, b in lines]


def _pairs(skeleton: object) -> list[tuple[int, int]] | None:
    """The skeleton as pairs of whole numbers; None for anything else."""
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
