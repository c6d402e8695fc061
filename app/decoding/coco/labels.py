"""The labels of one image in a COCO file: its regions drawn into a mask, its keypoints by name."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.decoding.coco.classes import class_name, is_background
from app.decoding.coco.file import CocoFile, stem_of
from app.decoding.coco.models import Annotation, CocoImage, RunLengths
from app.decoding.coco.regions import (
    Budget,
    Region,
    decompress_runs,
    fill_box,
    fill_polygons,
    from_runs,
)
from app.decoding.keypoints import NamedPoint
from app.decoding.refusal import Notices, Refused
from contracts.labelsets import WarningCode
from contracts.schemas import LabelSchema, normalized

_UNDER_REGIONS = np.iinfo(np.int32).max
"""The area of ignored pixels in the drawing order, so that every region is drawn over them."""

_CROWDS_DRAWN = (
    "All regions of class '{name}' have \"iscrowd\" 1. They were read as objects, because some tools set it for every"
    " run-length mask."
)
_CROWDS_IGNORED = (
    "Regions of class '{name}' with \"iscrowd\" 1 are ignored pixels. Set it to 0 for single objects, so that they are"
    " drawn."
)
_BOXES_DRAWN = (
    "All regions of class '{name}' are the boxes around its keypoints. They were drawn as masks. If they are only"
    " boxes, fit keypoints alone, or remove them."
)
_BOXES_IGNORED = "Pixels in the boxes of objects without a region are ignored. Draw the regions, or remove the objects."
_INCOMPLETE = (
    "Polygons of one or two corners have no area and were skipped. Remove them, or draw them again."
)
_OUTSIDE = (
    "Regions and boxes without a pixel inside the image were ignored. Check their coordinates."
)
_NO_OBJECTS = "Images without annotations are all background."


@dataclass(frozen=True)
class CocoLabels:
    """A COCO file with its name, the schema for its labels, and the drawing budget."""

    content: CocoFile
    name: str
    labels: LabelSchema
    budget: Budget
    notices: Notices

    def draw_mask(self, stem: str, size: tuple[int, int]) -> Image.Image:
        """Return the class indices of one image of `size` (width, height): every region over the background.

        Smaller regions are drawn over larger ones, so that a large object does not hide a small one on it. Ignored are
        the pixels of crowds, those in the boxes of objects without a region, and those that the image lists as ignored.
        Raises `Refused`.
        """
        image = self._annotated_image(stem, size)
        px = size[::-1]
        background = self._background
        mask = np.full(px, background or 0, dtype=np.uint8)
        is_covered = np.full(px, background is not None)
        areas = np.full(px, _UNDER_REGIONS, dtype=np.int32)
        annotations = self.content.annotations_of[image.id]
        if not annotations:
            self.notices.add("coco_images_background", _NO_OBJECTS, image.file_name)
        for annotation in annotations:
            for index, region in self._regions(annotation, image, px):
                # Ignored pixels must not hide a region, however small their area is.
                area = _UNDER_REGIONS if index == self.labels.ignore_index else region.area
                _draw(region, index, area, mask=mask, areas=areas)
                region.view_of(is_covered)[region.pixels] = True
        if image.ignored is not None:
            ignored = self._read_runs(image.ignored, f"{image.file_name} (ignored)", px)
            ignored.view_of(mask)[ignored.pixels] = self.labels.ignore_index
            ignored.view_of(is_covered)[ignored.pixels] = True
        if not is_covered.all():
            detail = (
                f"Expected a class for the pixels outside all regions of image '{image.file_name[:64]}', got only"
                ' classes of regions. Add "background" to "classes" in labelset.json.'
            )
            raise Refused(self.name, detail)
        return Image.fromarray(mask)

    def find_points(self, stem: str, size: tuple[int, int]) -> tuple[NamedPoint, ...]:
        """Return the keypoints of the image's only object with keypoints. Raises `Refused` if there are several."""
        image = self._annotated_image(stem, size)
        name = image.file_name[:64]
        labelled = [one for one in self.content.annotations_of[image.id] if one.has_keypoints]
        if len(labelled) != 1:
            detail = (
                f"Expected one object with keypoints in image '{name}', got {len(labelled)}. Crop the image to one"
                " object."
            )
            raise Refused(self.name, detail)
        (annotation,) = labelled
        names = self.content.category_of[annotation.category_id].keypoints
        numbers = annotation.keypoints or ()
        if len(numbers) != 3 * len(names):
            detail = (
                f"Expected {3 * len(names)} numbers for the {len(names)} keypoints of the object in image '{name}', got"
                f" {len(numbers)}. Export the file again."
            )
            raise Refused(self.name, detail)
        if not all(flag in (0, 1, 2) for flag in numbers[2::3]):
            detail = f"Expected a visibility of 0, 1 or 2 for the keypoints in image '{name}', got another. Correct it."
            raise Refused(self.name, detail)
        # The same offset for the whole file, because a tool writes one convention.
        offset = self.content.point_offset
        return tuple(
            NamedPoint(name=name, x=x + offset, y=y + offset, visibility=int(flag))
            for name, x, y, flag in zip(
                names, *(numbers[part::3] for part in range(3)), strict=True
            )
        )

    def _regions(
        self, annotation: Annotation, image: CocoImage, px: tuple[int, int]
    ) -> Iterator[tuple[int, Region]]:
        """Yield the pixels that one object draws, each with a class index or ignore_index."""
        category = self.content.category_of[annotation.category_id]
        where = f"{image.file_name} ({_describe(annotation)})"
        has_region = self.content.has_region(annotation)
        if annotation.is_incomplete:
            self.notices.add("coco_polygons_skipped", _INCOMPLETE, where)
        region = self._draw_region(annotation, where, px) if has_region else None
        # Not an error: tools keep objects that were cropped out of the image.
        if region is not None and not region.pixels.any():
            self.notices.add("coco_regions_outside", _OUTSIDE, where)
            return
        if region is not None:
            yield self._index(annotation), region
        elif not self._is_only_keypoints(annotation):
            box = self._box(annotation, where, px)
            has_pixels = bool(box.pixels.size)
            code: WarningCode = "coco_boxes_ignored" if has_pixels else "coco_regions_outside"
            self.notices.add(code, _BOXES_IGNORED if has_pixels else _OUTSIDE, where)
            yield self.labels.ignore_index, box
        if region is not None and category.id in self.content.boxes_only:
            text = _BOXES_DRAWN.format(name=category.name[:64])
            self.notices.add("coco_boxes_drawn", text, self.name)
        if region is not None and annotation.iscrowd:
            is_drawn = category.id in self.content.crowds_only
            text = _CROWDS_DRAWN if is_drawn else _CROWDS_IGNORED
            crowd: WarningCode = "coco_crowds_drawn" if is_drawn else "coco_crowds_ignored"
            self.notices.add(crowd, text.format(name=category.name[:64]), self.name)

    def _is_only_keypoints(self, annotation: Annotation) -> bool:
        """Return whether the object's category is not a class of masks: it has keypoints and no regions."""
        category = self.content.category_of[annotation.category_id]
        is_class = category.id in self.content.with_regions or not category.keypoints
        return not is_class or is_background(category.name)

    def _index(self, annotation: Annotation) -> int:
        """Return the class index of an object with a region, or ignore_index for a crowd of a class with objects."""
        category = self.content.category_of[annotation.category_id]
        name = class_name(category)
        classes = [normalized(label) for label in self.labels.classes]
        background = self._background if is_background(name) else None
        if name not in classes and background is None:
            detail = (
                f"Expected one of the schema's classes {', '.join(self.labels.classes)[:110]}, got category"
                f" '{name[:64]}'. Add it to the schema, or remove its annotations."
            )
            raise Refused(self.name, detail)
        # COCO marks a group of objects as a crowd; its pixels are not a single object.
        if annotation.iscrowd and category.id not in self.content.crowds_only:
            return self.labels.ignore_index
        return background if background is not None else classes.index(name)

    @property
    def _background(self) -> int | None:
        """Return the class of pixels without a region: the class named background, else the first without a category.

        None if the first class is a category: then every pixel needs a region.
        """
        names = [normalized(label) for label in self.labels.classes]
        named = next((index for index, name in enumerate(names) if is_background(name)), None)
        is_category = names[0] in {class_name(category) for category in self.content.categories}
        return named if named is not None or is_category else 0

    def _draw_region(self, annotation: Annotation, where: str, px: tuple[int, int]) -> Region:
        segmentation = annotation.segmentation
        if isinstance(segmentation, RunLengths):
            return self._read_runs(segmentation, where, px)
        try:
            return fill_polygons(annotation.polygons, px, self.budget)
        except ValueError as error:
            detail = f"The region in image {where} cannot be drawn: {error}. Export the file again."
            raise Refused(self.name, detail) from error

    def _read_runs(self, runs: RunLengths, where: str, px: tuple[int, int]) -> Region:
        try:
            return _from_runs(runs, px, self.budget)
        except ValueError as error:
            detail = f"The region in image {where} cannot be drawn: {error}. Export the file again."
            raise Refused(self.name, detail) from error

    def _box(self, annotation: Annotation, where: str, px: tuple[int, int]) -> Region:
        if annotation.box is None:
            detail = (
                f"Expected a region, or a box of 4 numbers, of the object in image {where}, got neither."
                ' Add its "segmentation", or remove it.'
            )
            raise Refused(self.name, detail)
        try:
            return fill_box(annotation.box, px, self.budget)
        except ValueError as error:
            detail = f"The box in image {where} cannot be drawn: {error}. Export the file again."
            raise Refused(self.name, detail) from error

    def _annotated_image(self, stem: str, size: tuple[int, int]) -> CocoImage:
        image = self.content.image_of[stem]
        assert stem_of(image) == stem
        annotated = image.width or size[0], image.height or size[1]
        if annotated != size:
            detail = (
                f"Expected image '{image.file_name[:64]}' of {annotated[0]} x {annotated[1]} pixels, as annotated, got"
                f" {size[0]} x {size[1]} (upright). Send the image that was annotated."
            )
            raise Refused(self.name, detail)
        return image


def _draw(
    region: Region, index: int, area: int, *, mask: NDArray[np.uint8], areas: NDArray[np.int32]
) -> None:
    """Draw a region except over smaller ones. Of two equal areas the later one is on top."""
    drawn_areas = region.view_of(areas)
    is_drawn = region.pixels & (area <= drawn_areas)
    region.view_of(mask)[is_drawn] = index
    drawn_areas[is_drawn] = area


def _describe(annotation: Annotation) -> str:
    """Return the annotation's id, if it is short, else its category, for a message."""
    is_plain = isinstance(annotation.id, int | str) and len(str(annotation.id)) <= 20
    return f"annotation {annotation.id}" if is_plain else f"category {annotation.category_id}"


def _from_runs(runs: RunLengths, px: tuple[int, int], budget: Budget) -> Region:
    if runs.size != px:
        raise ValueError(
            f"expected size {list(px)}, the image's [height, width], got {list(runs.size)}"
        )
    counts = decompress_runs(runs.counts) if isinstance(runs.counts, str) else runs.counts
    return from_runs(counts, px, budget)
