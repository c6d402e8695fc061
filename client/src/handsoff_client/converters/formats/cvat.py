"""Convert CVAT exports: "CVAT for images 1.1" (annotations.xml), or "Segmentation mask 1.1" (in `voc.py`)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from handsoff_client.converters.conversion import (
    Choices,
    Conversion,
    LabelledImage,
    Labels,
    Notes,
    Point,
    Size,
    class_list,
    index_of,
)
from handsoff_client.converters.files import ImageFinder, files_in
from handsoff_client.converters.formats import voc
from handsoff_client.converters.formats.cvat_labels import CvatLabels, read_labels
from handsoff_client.converters.regions import (
    Corners,
    Region,
    box_corners,
    corners_of,
    ellipse_corners,
    fill,
    from_rows,
    mask_of,
    rotated,
)
from handsoff_client.converters.sources import found_image, left_out, read_xml
from handsoff_shards.errors import InvalidInput

TOOL = "CVAT for images 1.1"
_EXPORT = 'Export the task as "CVAT for images 1.1".'
_REGIONS = ("polygon", "mask", "ellipse", "box")
_POINTS = ("points", "skeleton")
_NO_REGIONS = ("polyline", "cuboid")


def convert(path: Path, choices: Choices) -> Conversion:
    """Return the labels of an export: a folder, or one annotations.xml with `--images`."""
    if path.is_dir() and not files_in(path, ".xml") and voc.is_masks(path):
        return voc.convert(path, choices, tool="CVAT segmentation mask 1.1")
    file = _xml_file(path)
    root = read_xml(file)
    if root.tag != "annotations":
        raise InvalidInput(f"{file.name}: expected <annotations>, got <{root.tag}>. {_EXPORT}")
    if root.find("track") is not None:
        raise InvalidInput(f"{file.name}: this is an export for video, with tracks. {_EXPORT}")
    images = root.findall("image")
    if not images:
        raise InvalidInput(f"{file.name}: expected <image> elements, got none. {_EXPORT}")
    return _conversion(file, root, choices)


def _xml_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = [one for one in files_in(path, ".xml") if one.name == "annotations.xml"]
    if len(files) != 1:
        raise InvalidInput(
            f"expected one annotations.xml, or labelmap.txt with SegmentationClass/, in '{path.name}', got"
            f" {len(files)} annotations.xml. {_EXPORT}"
        )
    return files[0]


def _conversion(file: Path, root: Element, choices: Choices) -> Conversion:
    notes = Notes()
    labels = read_labels(root, file.name, notes)
    finder = ImageFinder(choices.images or file.parent)
    reader = _Reader(labels, class_list(labels.classes, file.name, choices), choices, notes)
    used: list[LabelledImage] = []
    for image in root.findall("image"):
        place = f"{file.name} (image {image.get('name')})"
        # A project has a folder for each subset, and equal names in several of them.
        name = "/".join(filter(None, (image.get("subset"), image.get("name"))))
        found = found_image(finder, name, place, choices, notes)
        if found is not None:
            draw = partial(reader.draw, image)
            used.append(
                LabelledImage(found, place, draw, _size(image, place), image.get("subset", ""))
            )
    if any(True for _ in root.iter("attribute") if _.get("name")):
        notes.add("attributes of objects are not used")
    left_out(finder, used, notes)
    return Conversion(
        tool=TOOL,
        images=used,
        notes=notes,
        classes=reader.classes if labels.has_regions else (),
        colors=labels.colors,
        keypoints=labels.keypoints,
    )


def _size(image: Element, place: str) -> Size:
    return int(_number(image, "width", place)), int(_number(image, "height", place))


class _Reader:
    """Draws the shapes of one image element."""

    def __init__(
        self, labels: CvatLabels, classes: tuple[str, ...], choices: Choices, notes: Notes
    ) -> None:
        self.classes = classes
        self._labels, self._choices, self._notes = labels, choices, notes

    def draw(self, image: Element, size: Size) -> Labels:
        name = image.get("name", "")
        shapes = sorted(
            (one for one in image if one.tag in _REGIONS),
            key=lambda shape: int(_number(shape, "z_order", name, 0)),
        )  # sorted() keeps the document order of equal z_order
        for shape in image:
            self._check_kind(shape, name)
        points = tuple(self._points(image, name))
        if not shapes and not self._choices.missing_is_background:
            return Labels(points=points)
        layers = [(self._index(shape), self._region(shape, size, name)) for shape in shapes]
        mask = mask_of(layers, size, self._notes, name)
        return Labels(mask if self._labels.has_regions else None, points)

    def _check_kind(self, shape: Element, name: str) -> None:
        if shape.tag in _NO_REGIONS:
            raise InvalidInput(
                f"a {shape.tag} of '{shape.get('label')}' does not say which pixels belong to the object. Draw a"
                " polygon or mask instead, or delete it."
            )
        if shape.tag == "box" and not self._choices.boxes_as_masks:
            raise InvalidInput(
                f"a box of '{shape.get('label')}' does not say which pixels belong to the object. Draw polygons or"
                " masks, or use --boxes-as-masks if objects fill their boxes."
            )
        if shape.tag == "tag":
            self._notes.add("tags of images are not used", name)
        elif shape.tag not in (*_REGIONS, *_POINTS):
            raise InvalidInput(f"shapes of the kind <{shape.tag}> are not known. Delete them.")

    def _index(self, shape: Element) -> int:
        label = shape.get("label", "")
        if label not in self._labels.declared:
            raise InvalidInput(
                f"label '{label}' is not declared in <labels>. Export the task again, or declare it."
            )
        return index_of(label, self.classes, self._choices)

    def _region(self, shape: Element, size: Size, name: str) -> Region:
        place = f"<{shape.tag}> of '{shape.get('label')}'"
        region = (
            self._mask(shape, size, place)
            if shape.tag == "mask"
            else fill([self._corners(shape, place)], size)
        )
        if not region.pixels.any():
            self._notes.add("objects outside the image are left out", f"{name}, {place}")
        return region

    def _corners(self, shape: Element, place: str) -> Corners:
        if shape.tag == "polygon":
            return corners_of([one for pair in _pairs(shape, place) for one in pair])
        if shape.tag == "ellipse":
            center = _number(shape, "cx", place), _number(shape, "cy", place)
            corners = ellipse_corners(
                center, (_number(shape, "rx", place), _number(shape, "ry", place))
            )
        else:
            left, top, right, bottom = (
                _number(shape, key, place) for key in ("xtl", "ytl", "xbr", "ybr")
            )
            center = (left + right) / 2, (top + bottom) / 2
            corners = box_corners(left, top, right, bottom)
        return rotated(corners, _number(shape, "rotation", place, 0), center)

    def _mask(self, shape: Element, size: Size, place: str) -> Region:
        left, top, width, height = (
            int(_number(shape, key, place)) for key in ("left", "top", "width", "height")
        )
        if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
            raise InvalidInput(
                f"{place}: the box {left}, {top}, {width} x {height} is not inside the image of {size[0]} x {size[1]}"
                f" pixels. {_EXPORT}"
            )
        try:
            counts = [int(one) for one in shape.get("rle", "").split(",")]
        except ValueError as error:
            raise InvalidInput(f"{place}: expected rle as numbers ({error}). {_EXPORT}") from error
        return Region(top, left, from_rows(counts, (width, height)))

    def _points(self, image: Element, name: str) -> Iterator[Point]:
        """Yield the keypoints of the image's only skeleton, or its single points."""
        skeletons = image.findall("skeleton")
        singles = image.findall("points")
        if len(skeletons) > 1 or (skeletons and singles):
            raise InvalidInput(
                f"expected keypoints of one object, got {len(skeletons)} skeletons and {len(singles)} other points."
                " Crop the image to one object."
            )
        seen: set[str] = set()
        for shape in skeletons[0].findall("points") if skeletons else singles:
            point = self._point(shape)
            if point.name in seen:
                raise InvalidInput(
                    f"expected one point '{point.name}', got two. An image has one set of keypoints: delete one."
                )
            seen.add(point.name)
            yield point

    def _point(self, shape: Element) -> Point:
        label = shape.get("label", "")
        known = self._labels.keypoints.names if self._labels.keypoints else ()
        if label not in known:
            raise InvalidInput(
                f"point '{label}' is not declared in <labels>. Export the task again."
            )
        pairs = _pairs(shape, f"point '{label}'")
        if len(pairs) != 1:
            raise InvalidInput(
                f"a shape of '{label}' has {len(pairs)} points, so their names are unknown. Use one label for each"
                " point, or a skeleton."
            )
        is_outside, is_occluded = shape.get("outside") == "1", shape.get("occluded") == "1"
        visibility = 0 if is_outside else 1 if is_occluded else 2
        return Point(label, *pairs[0], visibility)


def _pairs(shape: Element, place: str) -> list[tuple[float, float]]:
    pairs: list[tuple[float, float]] = []
    try:
        for part in filter(None, shape.get("points", "").split(";")):
            x, y = part.split(",")
            pairs.append((float(x), float(y)))
    except ValueError as error:
        raise InvalidInput(f'{place}: expected points as "x,y;x,y" ({error}). {_EXPORT}') from error
    return pairs


def _number(element: Element, key: str, place: str, default: float | None = None) -> float:
    if default is not None and not element.get(key):
        return default
    try:
        return float(element.get(key, ""))
    except ValueError as error:
        raise InvalidInput(
            f"{place}: expected a number as {key}, got '{element.get(key)}'. {_EXPORT}"
        ) from error
