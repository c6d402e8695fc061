"""The labels that a COCO file gives one image: its regions drawn into a mask, its keypoints by name."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.decoding.archives.names import composed
from app.decoding.coco.classes import class_name, is_background
from app.decoding.coco.files import CocoFile, stem_of
from app.decoding.coco.regions import (
    Budget,
    Region,
    decompress_runs,
    fill_box,
    fill_polygons,
    from_runs,
)
from app.decoding.coco.shapes import Annotation, Picture, Runs
from app.decoding.keypoints import NamedPoint
from app.decoding.refusal import Notices, Refused
from contracts.labelsets import WarningCode
from contracts.schemas import LabelSchema

_UNDER_REGIONS = np.iinfo(np.int32).max
"""The area that an ignored pixel counts as: every region is drawn over it."""

_CROWDS_DRAWN = (
    "All regions of class '{name}' have \"iscrowd\" 1. They were read as objects: some tools mark every run-length"
    " mask so."
)
_CROWDS_IGNORED = (
    "Regions of class '{name}' with \"iscrowd\" 1 are ignored pixels. Set it to 0 where each is one object, so that"
    " they are drawn."
)
_BOXES_IGNORED = "Objects without a region: the pixels in their boxes are ignored. Draw the regions, or remove them."
_OUTSIDE = "Regions that have no pixel in the image were left out. Check their coordinates."
_NO_OBJECTS = "Images of the file without any annotation count as all background."


@dataclass(frozen=True)
class CocoLabels:
    """A COCO file, the name it was sent under, and what its labels are drawn with."""

    content: CocoFile
    name: str
    labels: LabelSchema
    budget: Budget
    notices: Notices

    def draw_mask(self, stem: str, size: tuple[int, int]) -> Image.Image:
        """Class indices of one image of `size` (width, height): the background, and over it every region.

        Smaller regions lie above larger ones, so that no object hides what lies on it. Ignored pixels are those of
        crowds, and of the boxes of objects that have no region.
        """
        picture = self._picture(stem, size)
        px = (picture.height, picture.width)
        mask = np.full(px, self._background, dtype=np.uint8)
        areas = np.full(px, _UNDER_REGIONS, dtype=np.int32)
        annotations = self.content.annotations_of[picture.id]
        if not annotations:
            self.notices.add("coco_images_background", _NO_OBJECTS, picture.file_name)
        for annotation in annotations:
            for index, region in self._regions(annotation, picture, px):
                area = _UNDER_REGIONS if index == self.labels.ignore_index else region.area
                _draw(region, index, area, mask=mask, areas=areas)
        return Image.fromarray(mask)

    def find_points(self, stem: str, size: tuple[int, int]) -> tuple[NamedPoint, ...]:
        """The keypoints of the one object of an image that has any. Raises `Refused` when there are two."""
        picture = self._picture(stem, size)
        name = picture.file_name[:64]
        labelled = [one for one in self.content.annotations_of[picture.id] if one.has_keypoints]
        if len(labelled) != 1:
            detail = (
                f"{len(labelled)} objects in image '{name}' have keypoints; a labelset has one set of them for each"
                " image. Crop the image to one object."
            )
            raise Refused(self.name, detail)
        (annotation,) = labelled
        names = self.content.category_of[annotation.category_id].keypoints
        numbers = annotation.keypoints or ()
        if len(numbers) != 3 * len(names):
            detail = (
                f"An object in image '{name}' has {len(numbers)} numbers for its keypoints; its category names"
                f" {len(names)} keypoints of three numbers each. Export it again."
            )
            raise Refused(self.name, detail)
        if not all(flag in (0, 1, 2) for flag in numbers[2::3]):
            detail = (
                f"A keypoint in image '{name}' has a visibility other than 0, 1 and 2. Correct it."
            )
            raise Refused(self.name, detail)
        offset = self.content.point_offset
        return tuple(
            NamedPoint(name=name, x=x + offset, y=y + offset, visibility=int(flag))
            for name, x, y, flag in zip(
                names, *(numbers[part::3] for part in range(3)), strict=True
            )
        )

    def _regions(
        self, annotation: Annotation, picture: Picture, px: tuple[int, int]
    ) -> Iterator[tuple[int, Region]]:
        """What one object draws: a class index or the ignored value, and the pixels."""
        category = self.content.category_of[annotation.category_id]
        where = f"{picture.file_name} ({_named(annotation)})"
        region = self._drawn(annotation, where, px) if annotation.has_region else None
        if region is not None and not region.pixels.any():
            self.notices.add("coco_regions_outside", _OUTSIDE, where)
            return
        if region is not None:
            yield self._index(annotation), region
        elif not self._is_only_pointed(annotation):
            box = self._box(annotation, where, px)
            self.notices.add("coco_boxes_ignored", _BOXES_IGNORED, where)
            yield self.labels.ignore_index, box
        if region is not None and annotation.iscrowd:
            is_drawn = category.id in self.content.crowds_only
            text = _CROWDS_DRAWN if is_drawn else _CROWDS_IGNORED
            code: WarningCode = "coco_crowds_drawn" if is_drawn else "coco_crowds_ignored"
            self.notices.add(code, text.format(name=category.name[:64]), self.name)

    def _is_only_pointed(self, annotation: Annotation) -> bool:
        """Whether the object's category is no class of masks: it has keypoints and never a region."""
        category = self.content.category_of[annotation.category_id]
        is_class = category.id in self.content.with_regions or not category.keypoints
        return not is_class or is_background(category.name)

    def _index(self, annotation: Annotation) -> int:
        """The class index of an object with a region, or the ignored value for a crowd beside single objects."""
        category = self.content.category_of[annotation.category_id]
        name = class_name(category)
        classes = [composed(known) for known in self.labels.classes]
        if name not in classes and not is_background(name):
            detail = (
                f"Category '{name[:64]}' is not among the classes of the schema, which are"
                f" {', '.join(self.labels.classes)[:200]}. Add it there, or take its annotations out."
            )
            raise Refused(self.name, detail)
        if annotation.iscrowd and category.id not in self.content.crowds_only:
            return self.labels.ignore_index
        return classes.index(name) if name in classes else self._background

    @property
    def _background(self) -> int:
        """What no region covers: the class of that name, else the first."""
        names = enumerate(self.labels.classes)
        return next((index for index, name in names if is_background(name)), 0)

    def _drawn(self, annotation: Annotation, where: str, px: tuple[int, int]) -> Region:
        segmentation = annotation.segmentation
        try:
            if isinstance(segmentation, Runs):
                return _from_runs(segmentation, px, self.budget)
            return fill_polygons(segmentation or (), px, self.budget)
        except ValueError as error:
            detail = f"The region of image {where} cannot be drawn: {error}. Export it again."
            raise Refused(self.name, detail) from error

    def _box(self, annotation: Annotation, where: str, px: tuple[int, int]) -> Region:
        if annotation.bbox is None:
            detail = (
                f"The object of image {where} has neither a region nor a box, so its pixels are not known."
                ' Add its "segmentation", or remove it.'
            )
            raise Refused(self.name, detail)
        try:
            return fill_box(annotation.bbox, px, self.budget)
        except ValueError as error:
            detail = f"The box of image {where} cannot be drawn: {error}. Export it again."
            raise Refused(self.name, detail) from error

    def _picture(self, stem: str, size: tuple[int, int]) -> Picture:
        picture = self.content.picture_of[stem]
        assert stem_of(picture) == stem
        if (picture.width, picture.height) != size:
            detail = (
                f"Its image '{picture.file_name[:64]}' is {picture.width} x {picture.height}, the one that was sent"
                f" (upright) {size[0]} x {size[1]}. Send the image that was annotated."
            )
            raise Refused(self.name, detail)
        return picture


def _draw(
    region: Region, index: int, area: int, *, mask: NDArray[np.uint8], areas: NDArray[np.int32]
) -> None:
    """Draw a region where no smaller one lies. Of two equal ones the later is on top."""
    behind = region.of(areas)
    is_drawn = region.pixels & (area <= behind)
    region.of(mask)[is_drawn] = index
    behind[is_drawn] = area


def _named(annotation: Annotation) -> str:
    """The annotation by its id, where it is a short one."""
    is_plain = isinstance(annotation.id, int | str) and len(str(annotation.id)) <= 20
    return f"annotation {annotation.id}" if is_plain else f"category {annotation.category_id}"


def _from_runs(runs: Runs, px: tuple[int, int], budget: Budget) -> Region:
    if runs.size != px:
        raise ValueError(f"its size is {list(runs.size)}, the image's [height, width] {list(px)}")
    counts = decompress_runs(runs.counts) if isinstance(runs.counts, str) else runs.counts
    return from_runs(counts, px, budget)
