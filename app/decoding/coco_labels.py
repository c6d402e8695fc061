"""The labels that a COCO file gives one image: its regions drawn into a mask, its keypoints by name."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from app.decoding.coco import BACKGROUND, Annotation, CocoFile, Picture, Runs
from app.decoding.keypoints import NamedPoint
from app.decoding.refusal import Refused
from app.decoding.regions import Region, decompress_runs, fill_polygon, from_runs
from contracts.schemas import LabelSchema


def draw_mask(
    coco: CocoFile, file: str, stem: str, size: tuple[int, int], *, labels: LabelSchema
) -> Image.Image:
    """Class indices of one image of `size` (width, height): the background, and over it every region.

    Larger regions lie below smaller ones, so that no object hides what lies on it; crowds are ignored pixels.
    """
    picture = _picture(coco, file, stem, size)
    px = (picture.height, picture.width)
    drawn: list[tuple[bool, int, int, Region]] = []
    for annotation in coco.annotations_of[picture.id]:
        if annotation.segmentation:
            index = _class_of(coco, file, annotation, labels)
            region = _region(annotation, file, px)
            order = (not annotation.iscrowd, -int(region.sum()))
            drawn.append((*order, labels.ignore_index if annotation.iscrowd else index, region))
    mask = np.full(px, _background(labels), dtype=np.uint8)
    for *_, index, region in sorted(drawn, key=lambda one: one[:2]):
        mask[region] = index
    return Image.fromarray(mask)


def find_points(
    coco: CocoFile, file: str, stem: str, size: tuple[int, int]
) -> tuple[NamedPoint, ...]:
    """The keypoints of the one object of an image that has any. Raises `Refused` when there are two."""
    picture = _picture(coco, file, stem, size)
    labelled = [one for one in coco.annotations_of[picture.id] if one.has_keypoints]
    if len(labelled) != 1:
        detail = (
            f"{len(labelled)} objects in image '{picture.file_name}' have keypoints; a labelset has one set of them"
            " for each image. Crop the image to one object."
        )
        raise Refused(file, detail)
    (annotation,) = labelled
    names, numbers = coco.category_of[annotation.category_id].keypoints, annotation.keypoints or ()
    if len(numbers) != 3 * len(names):
        detail = (
            f"An object in image '{picture.file_name}' has {len(numbers)} numbers for its keypoints; its category"
            f" names {len(names)} keypoints of three numbers each. Export it again."
        )
        raise Refused(file, detail)
    if not all(flag in (0, 1, 2) for flag in numbers[2::3]):
        detail = f"A keypoint in image '{picture.file_name}' has a visibility other than 0, 1 and 2. Correct it."
        raise Refused(file, detail)
    offset = _offset(coco)
    return tuple(
        NamedPoint(name=name, x=x + offset, y=y + offset, visibility=int(flag))
        for name, x, y, flag in zip(names, *(numbers[part::3] for part in range(3)), strict=True)
    )


def _offset(coco: CocoFile) -> float:
    """COCO's own keypoints are indices of pixels, whole numbers, whose centre is half a pixel on.

    A file with fractions in it means continuous coordinates, and is taken as it is.
    """
    numbers = (n for one in coco.annotations for n in one.keypoints or ())
    return 0.5 if all(float(n).is_integer() for n in numbers) else 0.0


def _picture(coco: CocoFile, file: str, stem: str, size: tuple[int, int]) -> Picture:
    picture = coco.picture_of[stem]
    if (picture.width, picture.height) != size:
        detail = (
            f"Its image '{picture.file_name}' is {picture.width} x {picture.height}, the one that came (upright)"
            f" {size[0]} x {size[1]}. Send the image that was annotated."
        )
        raise Refused(file, detail)
    return picture


def _class_of(coco: CocoFile, file: str, annotation: Annotation, labels: LabelSchema) -> int:
    name = coco.category_of[annotation.category_id].name.strip()
    if name not in labels.classes:
        detail = (
            f"Category '{name[:64]}' is not among the classes of labelset.json, which are {', '.join(labels.classes)}."
            " Add it there, or take its annotations out."
        )
        raise Refused(file, detail)
    return labels.classes.index(name)


def _background(labels: LabelSchema) -> int:
    """What no region covers: the class of that name, else the first."""
    names = [name.casefold() for name in labels.classes]
    return names.index(BACKGROUND) if BACKGROUND in names else 0


def _region(annotation: Annotation, file: str, px: tuple[int, int]) -> Region:
    runs = annotation.segmentation
    try:
        if isinstance(runs, Runs):
            _check_runs(runs, px)
            counts = decompress_runs(runs.counts) if isinstance(runs.counts, str) else runs.counts
            return from_runs(counts, px)
        region = np.zeros(px, dtype=np.bool_)
        for polygon in runs or ():
            _check_polygon(polygon)
            region |= fill_polygon(polygon, px)
    except ValueError as error:
        detail = (
            f"A region of image {annotation.image_id} cannot be drawn: {error}. Export it again."
        )
        raise Refused(file, detail) from error
    return region


def _check_runs(runs: Runs, px: tuple[int, int]) -> None:
    if runs.size != px:
        raise ValueError(f"its size is {list(runs.size)}, the image's [height, width] {list(px)}")


def _check_polygon(polygon: Sequence[float]) -> None:
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(
            f"a polygon has {len(polygon)} numbers, not two for each of three corners or more"
        )
