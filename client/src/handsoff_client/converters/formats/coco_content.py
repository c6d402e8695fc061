"""The content of a COCO file: categories that are classes, annotations of each image, compressed run lengths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from handsoff_client.converters.conversion import KeypointNames
from handsoff_client.converters.sources import read_json
from handsoff_shards.errors import InvalidInput

Json = Mapping[str, Any]
_NUM_CORNERS = 3
_NUM_NUMBERS = 4
"""So many coordinates, those of two points, are not in the first pixel by chance."""
_EXPORTED = "keypoints"
_MAX_DIGITS = 7
"""Digits of 5 bits in the largest run that fits 32 bits."""


class CocoContent:
    """One COCO file. Raises `InvalidInput` for equal ids, and for annotations of unknown images or categories."""

    def __init__(self, content: Json, file: str) -> None:
        self.file = file
        self._info = content.get("info")
        self.images: Sequence[Json] = self._list(content, "images")
        self._categories: Sequence[Json] = self._list(content, "categories")
        self._annotations: Sequence[Json] = self._list(content, "annotations")
        self._by_image: dict[Any, list[Json]] = {image.get("id"): [] for image in self.images}
        self._names = {one.get("id"): str(one.get("name", "")).strip() for one in self._categories}
        self._check_ids()
        for annotation in self._annotations:
            self._place(annotation)
        self._check_pixels()

    @cached_property
    def class_names(self) -> list[str]:
        """Return the categories that are classes, in order of id: no unused root category, no mere keypoints."""
        drawn = {
            one.get("category_id") for one in self._annotations if not self.is_only_points(one)
        }
        if not drawn:
            return []
        used = {one.get("category_id") for one in self._annotations}
        # Roboflow adds a category 0 of no object: the parent of all others.
        parents = {
            one.get("supercategory")
            for one in self._categories
            if one.get("supercategory") != one.get("name")
        }
        names = []
        for one in sorted(self._categories, key=lambda category: str(category.get("id")).zfill(20)):
            is_root = one.get("id") not in used and one.get("name") in parents
            only_points = bool(one.get("keypoints")) and one.get("id") not in drawn
            if not is_root and not only_points:
                names.append(self._names[one.get("id")])
        return list(dict.fromkeys(names))

    @cached_property
    def keypoints(self) -> KeypointNames | None:
        """Return the keypoints of the category that has labelled ones."""
        used = {one.get("category_id") for one in self._annotations if has_points(one)}
        found = {self._points_of(one) for one in self._categories if one.get("id") in used}
        if len(found) > 1:
            raise InvalidInput(
                f"{self.file}: expected one category with keypoints, got {len(found)}. Export one of them."
            )
        return next(iter(found), None)

    @cached_property
    def crowds_only(self) -> frozenset[str]:
        """Return the categories with only crowds: some tools mark every run-length mask as a crowd."""
        single = {self.category_of(one) for one in self._annotations if not is_crowd(one)}
        return frozenset(self._names.values()) - single

    @cached_property
    def boxes_only(self) -> frozenset[str]:
        """Return the classes whose every region is the box of an object with keypoints."""
        regions = [one for one in self._annotations if polygons_of(one) or _has_runs(one)]
        drawn = [one for one in regions if not self.is_only_points(one)]
        others = [one for one in drawn if not (has_points(one) and _is_box(one))]
        return frozenset(map(self.category_of, drawn)) - frozenset(map(self.category_of, others))

    @cached_property
    def point_offset(self) -> float:
        """Return 0.5 if all labelled points have whole coordinates: then they are indices of pixels.

        A file of the service says that its coordinates are continuous.
        """
        if (
            isinstance(self._info, Mapping)
            and self._info.get("keypoint_coordinates") == "continuous"
        ):
            return 0.0
        numbers = (
            number for one in self._annotations for place in places_of(one) for number in place
        )
        return 0.5 if all(float(number).is_integer() for number in numbers) else 0.0

    def is_only_points(self, annotation: Json) -> bool:
        """Return whether an object has labelled keypoints and no region.

        The service's exports have the box of keypoints as a region of the category `keypoints`, which is none.
        """
        is_of_export = self.category_of(annotation).rstrip("_") == _EXPORTED
        is_drawn = annotation.get("segmentation") and not (is_of_export and _is_box(annotation))
        return has_points(annotation) and not is_drawn

    def annotations_of(self, image: Json) -> Sequence[Json]:
        return self._by_image[image.get("id")]

    def category_of(self, annotation: Json) -> str:
        return self._names[annotation.get("category_id")]

    def _points_of(self, category: Json) -> KeypointNames:
        names = tuple(map(str, category.get("keypoints") or ()))
        lines = category.get("skeleton") or []
        first = 0 if any(0 in line for line in lines) else 1
        pairs = [(a - first, b - first) for a, b in lines]
        if any(not 0 <= end < len(names) for pair in pairs for end in pair):
            return KeypointNames(names)
        return KeypointNames(names, tuple((names[a], names[b]) for a, b in pairs))

    def _list(self, content: Json, key: str) -> list[Json]:
        value = content.get(key)
        if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
            raise InvalidInput(
                f'{self.file}: expected a list of objects as "{key}", got none. Export it as COCO JSON.'
            )
        return [_with_ids(one) for one in value]

    def _check_ids(self) -> None:
        for kind, items in (("images", self.images), ("categories", self._categories)):
            repeated = [
                one for one, count in Counter(item.get("id") for item in items).items() if count > 1
            ]
            if repeated:
                raise InvalidInput(
                    f"{self.file}: two {kind} have the id {repeated[0]}. Export the file again."
                )

    def _check_pixels(self) -> None:
        """Refuse shares of the width and height: all regions, or all keypoints, would be in the first pixel."""
        regions = (x for one in self._annotations for polygon in polygons_of(one) for x in polygon)
        points = {place for one in self._annotations for place in places_of(one)}
        for kind, numbers in (
            ("regions", regions),
            ("keypoints", (x for place in points for x in place)),
        ):
            if _are_shares(numbers):
                raise InvalidInput(
                    f"{self.file}: expected {kind} in pixels, got only coordinates from 0 to 1, probably shares of the"
                    " width and height. Export them in pixels."
                )

    def _place(self, annotation: Json) -> None:
        image, category = annotation.get("image_id"), annotation.get("category_id")
        if image not in self._by_image or category not in self._names:
            raise InvalidInput(
                f"{self.file}: annotation {annotation.get('id')} refers to image {image} and category {category},"
                " which the file does not have both. Export it again."
            )
        self._by_image[image].append(annotation)


def _with_ids(item: Json) -> Json:
    """Return an item whose ids of digits are numbers: some tools write them as text in one of two places."""
    ids = {key: item[key] for key in ("id", "image_id", "category_id") if key in item}
    numbers = {k: int(v) for k, v in ids.items() if isinstance(v, str) and v.isdecimal()}
    return {**item, **numbers} if numbers else item


def keypoints_of(annotation: Json) -> list[Any]:
    """Return x, y, visibility, ... of an object. An unlabelled point may have any place, so it is at 0, 0."""
    numbers = list(annotation.get("keypoints") or [])
    if all(isinstance(one, list) for one in numbers):
        numbers = [number for triple in numbers for number in triple]
    for place in range(2, len(numbers), 3):
        if not numbers[place]:
            numbers[place - 2 : place + 1] = [0, 0, 0]
    return numbers


def places_of(annotation: Json) -> Iterator[tuple[float, float]]:
    """Yield x and y of the labelled keypoints of an object."""
    numbers = keypoints_of(annotation)
    for x, y, visibility in zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=False):
        if visibility:
            yield x, y


def has_points(annotation: Json) -> bool:
    """Return whether any keypoint of an object is labelled."""
    return any(keypoints_of(annotation)[2::3])


def polygons_of(annotation: Json) -> list[Any]:
    """Return the polygons of an object, each as a flat list. One polygon, or corners as pairs, are accepted too."""
    region = annotation.get("segmentation")
    if not isinstance(region, list):
        return []
    if all(isinstance(one, int | float) for one in region):
        return [region] if region else []
    if len(region) >= _NUM_CORNERS and all(map(_is_corner, region)):
        region = [region]
    return [_flat(one) for one in region if one]


def _is_corner(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and not isinstance(value[0], list)


def _flat(polygon: Any) -> list[Any]:  # noqa: ANN401 - JSON
    is_pairs = isinstance(polygon, list) and all(map(_is_corner, polygon))
    return [number for corner in polygon for number in corner] if is_pairs else polygon


def _are_shares(numbers: Iterable[Any]) -> bool:
    """Return whether the numbers of at least two points are all from 0 to 1, with a fraction."""
    count, has_fraction = 0, False
    for count, number in enumerate(numbers, start=1):  # noqa: B007 - the count is used below
        # Other values than numbers get their own error when the image is drawn.
        if not isinstance(number, int | float) or not 0 <= number <= 1:
            return False
        has_fraction = has_fraction or number != int(number)
    return has_fraction and count >= _NUM_NUMBERS


def _has_runs(annotation: Json) -> bool:
    return isinstance(annotation.get("segmentation"), Mapping)


def _is_box(annotation: Json) -> bool:
    """Return whether the region of an object is its box."""
    polygons, box = polygons_of(annotation), annotation.get("bbox") or []
    if len(polygons) != 1 or not isinstance(polygons[0], list) or len(box) != 4:
        return False
    x, y, width, height = box
    corners = {(x, y), (x + width, y), (x + width, y + height), (x, y + height)}
    return set(zip(polygons[0][0::2], polygons[0][1::2], strict=False)) == corners


def is_crowd(annotation: Json) -> bool:
    """Return whether an object is a crowd. Some tools write the flag as text."""
    return str(annotation.get("iscrowd") or 0).lower() not in ("0", "0.0", "false")


def read_coco(file: Path) -> CocoContent:
    """Return the content of a COCO file. Raises `InvalidInput` for anything else."""
    content = read_json(file)
    if not isinstance(content, Mapping):
        raise InvalidInput(
            f"{file.name}: expected a JSON object with images and annotations. Export it as COCO JSON."
        )
    return CocoContent(content, file.name)


def decompress(text: str) -> list[int]:
    """Return COCO's compressed run lengths: 5 bits a letter from '0', lowest first, differences from the third on."""
    counts: list[int] = []
    value, digits = 0, 0
    for letter in text:
        code = ord(letter) - ord("0")
        if not 0 <= code < 64 or digits == _MAX_DIGITS:
            raise InvalidInput("the compressed run lengths are damaged. Export the file again.")
        value |= (code & 0x1F) << (5 * digits)
        digits += 1
        if not code & 0x20:
            value -= (1 << 5 * digits) if code & 0x10 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, digits = 0, 0
    if digits:
        raise InvalidInput("the compressed run lengths end too early. Export the file again.")
    return counts
