"""Convert COCO files with splits: one `_annotations.coco.json` beside the images of each split, as in Roboflow."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from handsoff_client.converters.conversion import (
    IGNORE_INDEX,
    Choices,
    Conversion,
    KeypointNames,
    LabelledImage,
    Labels,
    Notes,
    Point,
    Size,
    class_list,
    index_of,
)
from handsoff_client.converters.files import ImageFinder
from handsoff_client.converters.formats.coco_content import (
    CocoContent,
    Json,
    decompress,
    has_points,
    is_crowd,
    keypoints_of,
    polygons_of,
    read_coco,
)
from handsoff_client.converters.regions import (
    Region,
    box_corners,
    corners_of,
    fill,
    from_rows,
    mask_of,
    smaller_on_top,
)
from handsoff_client.converters.sources import found_image, left_out
from handsoff_shards.errors import InvalidInput

_BOXES_DRAWN = (
    "all regions of a class are the boxes around its keypoints; they are drawn as masks: remove them if they are only"
    " boxes"
)
_INCOMPLETE = (2, 4)
"""The numbers in a polygon of one or two corners: it has no area. Cropping leaves such rests."""


def convert_files(files: Sequence[tuple[str, Path]], choices: Choices, tool: str) -> Conversion:
    """Return the labels of the COCO files (split, path). Categories are matched by name."""
    notes = Notes()
    contents = [(split, file, read_coco(file)) for split, file in files]
    names = list(dict.fromkeys(name for _, _, content in contents for name in content.class_names))
    where = files[0][1].name
    classes = class_list(names, where, choices) if names else ()
    keypoints = _keypoints([content for _, _, content in contents], where)
    used: list[LabelledImage] = []
    for split, file, content in contents:
        finder = ImageFinder(choices.images or file.parent)
        reader = _Reader(content, classes, keypoints, choices, notes)
        own = list(_images(reader, split, file, finder))
        left_out(finder, own, notes)
        used += own
    if classes:
        notes.add(
            "COCO does not say which object is in front: smaller ones are drawn over larger ones"
        )
    return Conversion(tool=tool, images=used, notes=notes, classes=classes, keypoints=keypoints)


def _images(
    reader: "_Reader", split: str, file: Path, finder: ImageFinder
) -> Iterator[LabelledImage]:
    for image in reader.content.images:
        name = str(image.get("file_name", ""))
        place = f"{split or file.parent.name}/{file.name} (image {name})"
        found = found_image(finder, name, place, reader.choices, reader.notes)
        if found is not None:
            size = int(image.get("width") or 0), int(image.get("height") or 0)
            draw = partial(reader.draw, image)
            yield LabelledImage(found, place, draw, size if all(size) else None, split)


def _keypoints(contents: Sequence[CocoContent], where: str) -> KeypointNames | None:
    """Return the keypoints of the only category that has some in annotations."""
    found = {content.keypoints for content in contents if content.keypoints is not None}
    if len(found) > 1:
        raise InvalidInput(
            f"{where}: expected one category with keypoints, got {len(found)}. Export one of them."
        )
    return next(iter(found), None)


class _Reader:
    """Draws the annotations of one image of one file."""

    def __init__(
        self,
        content: CocoContent,
        classes: tuple[str, ...],
        keypoints: KeypointNames | None,
        choices: Choices,
        notes: Notes,
    ) -> None:
        self.content, self.choices, self.notes = content, choices, notes
        self._classes, self._keypoints = classes, keypoints

    def draw(self, image: Json, size: Size) -> Labels:
        annotations = self.content.annotations_of(image)
        points = self._points(annotations)
        if not annotations:
            self.notes.add(
                "images without annotations count as background", str(image.get("file_name"))
            )
        layers: list[tuple[int, Region]] = []
        for one in annotations:
            try:
                layers += self._layers(one, size)
            except InvalidInput as error:
                raise InvalidInput(f"annotation {one.get('id')}: {error}") from error
        if not self._classes or (points and not layers):
            return Labels(points=points)
        # Ignored pixels first: an object is drawn over them.
        ignored = [layer for layer in layers if layer[0] == IGNORE_INDEX]
        drawn = [layer for layer in layers if layer[0] != IGNORE_INDEX]
        ordered = [*ignored, *smaller_on_top(drawn)]
        return Labels(mask_of(ordered, size, self.notes, str(image.get("file_name"))), points)

    def _layers(self, annotation: Json, size: Size) -> Iterator[tuple[int, Region]]:
        name = self.content.category_of(annotation)
        region = self._region(annotation, size)
        if region is None:
            return
        if not region.pixels.any():
            self.notes.add(
                "objects outside the image are left out", f"annotation {annotation.get('id')}"
            )
        if name in self.content.boxes_only:
            self.notes.add(_BOXES_DRAWN, name)
        if is_crowd(annotation) and name not in self.content.crowds_only:
            self.notes.add("regions of crowds are ignored pixels", name)
            yield IGNORE_INDEX, region
        else:
            yield index_of(name, self._classes, self.choices), region

    def _region(self, annotation: Json, size: Size) -> Region | None:
        segmentation = annotation.get("segmentation")
        if self.content.is_only_points(annotation):
            return None
        match segmentation:  # some tools have a list around run lengths
            case [Mapping() as runs]:
                segmentation = runs
        if isinstance(segmentation, Mapping):
            return _from_runs(segmentation, size)
        polygons = polygons_of(annotation)
        kept = [one for one in polygons if len(one) not in _INCOMPLETE]
        if len(kept) < len(polygons):
            self.notes.add(
                "polygons of one or two corners are left out", f"annotation {annotation.get('id')}"
            )
        if kept:
            return fill([corners_of(_floats(one)) for one in kept], size)
        if not self.choices.boxes_as_masks:
            raise InvalidInput(
                'the object has a box, but no region ("segmentation"). A box does not say which pixels belong to'
                " the object."
                " Draw polygons, or use --boxes-as-masks if objects fill their boxes."
            )
        box = _floats(annotation.get("bbox") or [])
        if len(box) != 4:
            raise InvalidInput(
                "expected a region or a box of 4 numbers, got neither. Delete the object."
            )
        x, y, width, height = box
        return fill([box_corners(x, y, x + width, y + height)], size)

    def _points(self, annotations: Sequence[Json]) -> tuple[Point, ...]:
        with_points = [one for one in annotations if has_points(one)]
        if len(with_points) > 1:
            raise InvalidInput(
                f"expected keypoints of one object, got {len(with_points)} objects. Crop the image to one object."
            )
        if not with_points or self._keypoints is None:
            return ()
        names, numbers = self._keypoints.names, _floats(keypoints_of(with_points[0]))
        if len(numbers) != 3 * len(names):
            raise InvalidInput(
                f"expected {3 * len(names)} numbers for {len(names)} keypoints, got {len(numbers)}."
            )
        shift = self.content.point_offset
        return tuple(
            Point(name, x + shift, y + shift, int(visibility))
            for name, x, y, visibility in zip(
                names, numbers[0::3], numbers[1::3], numbers[2::3], strict=True
            )
        )


def _from_runs(runs: Mapping[str, Any], size: Size) -> Region:
    """Return run lengths, which go down the columns."""
    counts = runs.get("counts")
    if runs.get("size") != [size[1], size[0]]:
        raise InvalidInput(
            f"expected run lengths of size {[size[1], size[0]]}, got {runs.get('size')}. Export again."
        )
    numbers = (
        decompress(counts)
        if isinstance(counts, str)
        else [int(one) for one in _floats(counts or [])]
    )
    return Region(0, 0, from_rows(numbers, (size[1], size[0])).T)


def _floats(values: Any) -> list[float]:  # noqa: ANN401 - JSON
    try:
        return [float(one) for one in values]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"expected numbers ({error}). Export the file again.") from error
