"""Convert YOLO data sets: images/ and labels/ folders, data.yaml, and one line for each object (segmentation or pose).

A line is `class x1 y1 x2 y2 ...` (polygon) or `class x y width height px py [visibility] ...` (pose), as shares of the
width and height of the upright image, which is how Ultralytics reads photographs.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from handsoff_client.converters.conversion import (
    Choices,
    Conversion,
    KeypointNames,
    LabelledImage,
    Labels,
    Notes,
    Size,
    class_list,
    index_of,
)
from handsoff_client.converters.data_yaml import names_of, read_yaml
from handsoff_client.converters.files import ImageFinder, by_stem, files_in, lines_of
from handsoff_client.converters.formats.yolo_points import keypoints_of, points_of
from handsoff_client.converters.regions import (
    Corners,
    box_corners,
    corners_of,
    fill,
    mask_of,
    smaller_on_top,
)
from handsoff_shards.errors import InvalidInput

TOOL = "YOLO"
SPLITS = ("train", "val", "valid", "test")
TOLERANCE = 0.01
"""Shares may be this far outside 0 to 1: tools round. Larger ones are probably pixels."""

_OBB_LENGTH = 9
_OTHER_FORMAT = "images are left out that are not PNG, JPEG or WebP; save them as PNG"


@dataclass(frozen=True)
class _Set:
    """The facts of data.yaml: class names by number, the classes of masks, and the shape of poses."""

    names: Mapping[int, str]
    classes: tuple[str, ...]
    keypoints: KeypointNames | None
    num_values: int


def convert(path: Path, choices: Choices, *, tool: str = TOOL) -> Conversion:
    """Return the labels of a data set with a data.yaml."""
    file = _yaml_file(path)
    root = file.parent if path.is_dir() else path.parent
    content = read_yaml(file)
    notes = Notes()
    names = names_of(content.get("names"))
    if not names:
        raise InvalidInput(
            f"{file.name}: expected `names: [a, b]` or `names:` with `0: a`, got none. Add the names."
        )
    _check_count(file, content.get("nc"), names)
    keypoints, num_values = keypoints_of(content, file, choices, notes)
    classes = () if keypoints else class_list(list(names.values()), file.name, choices)
    finder = ImageFinder(choices.images or root)
    facts = _Set(names, classes, keypoints, num_values)
    for other in finder.others:
        notes.add(_OTHER_FORMAT, finder.shown(other))
    used = list(_images(root, finder, facts, choices, notes))
    if not used:
        known = ", ".join(sorted({_split_of(finder.shown(one)) for one in finder.all} - {""}))
        wish = (
            f" of the split '{choices.split}' (there are {known or 'none'})"
            if choices.split
            else ""
        )
        others = f" But {'; '.join(notes.lines)}." if finder.others else ""
        raise InvalidInput(
            f"expected images{wish} below '{root.name}' with labels/*.txt, got none.{others}"
        )
    if classes:
        _note_boxes(used, notes)
        notes.add(
            "YOLO does not say which object is in front: smaller ones are drawn over larger ones"
        )
    return Conversion(
        tool=f"{tool} {'pose' if keypoints else 'segmentation'}",
        images=used,
        notes=notes,
        classes=classes,
        keypoints=keypoints,
    )


def _note_boxes(images: Sequence[LabelledImage], notes: Notes) -> None:
    """Add a note if every object has 4 corners: oriented boxes (OBB) have the same form as polygons."""
    files = {image.draw.args[0] for image in images if isinstance(image.draw, partial)}
    lengths = {len(line.split()) for file in files if file for _, line in lines_of(file)}
    if lengths == {_OBB_LENGTH}:
        notes.add(
            "every object has 4 corners; if they are oriented boxes (OBB) and not outlines, they do not show which"
            " pixels belong to an object"
        )


def _yaml_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = files_in(path, ".yaml", ".yml")
    chosen = [one for one in files if one.stem == "data"] or files
    if len(chosen) != 1:
        raise InvalidInput(
            f"expected one data.yaml with the class names in '{path.name}', got {len(chosen)}. Give that file"
            " instead of the folder."
        )
    return chosen[0]


def _check_count(file: Path, count: object, names: Mapping[int, str]) -> None:
    if isinstance(count, str) and count.isdecimal() and int(count) != len(names):
        raise InvalidInput(
            f"{file.name}: nc is {count}, but there are {len(names)} names. Correct one of them."
        )


def _images(
    root: Path, finder: ImageFinder, facts: _Set, choices: Choices, notes: Notes
) -> Iterator[LabelledImage]:
    """Yield the images of the chosen split. Raises `InvalidInput` without a label file, or for a shared one."""
    missing: list[str] = []
    label_files = _LabelFiles(root, is_apart=choices.images is not None)
    for file in sorted(finder.all):
        split = _split_of(finder.shown(file))
        if choices.split not in (None, split):
            continue
        labels = label_files.find(file)
        if labels is None and not choices.missing_is_background:
            missing.append(finder.shown(file))
            continue
        place = label_files.shown(labels) if labels else finder.shown(file)
        drawing = partial(_labels, labels, facts, choices, notes)
        yield LabelledImage(file, place, drawing, None, split)
    if missing:
        raise InvalidInput(
            f"{len(missing)} images have no label file, such as {missing[0]} (expected"
            f" labels/{Path(missing[0]).stem}.txt). Add an empty file for an image of the background only, or use"
            " --missing-is-background."
        )
    if choices.split is None:
        others = {file.stem for file in finder.others}
        for path in label_files.unused(others):
            notes.add("label files without image are left out", path)


class _LabelFiles:
    """Finds the label file of an image, each one for one image. `is_apart`: images are in another folder."""

    def __init__(self, root: Path, *, is_apart: bool) -> None:
        self._root = root
        self._files = [
            one for one in files_in(root, ".txt") if "labels" in one.relative_to(root).parts[:-1]
        ]
        self._by_stem = by_stem(self._files, "label files") if is_apart else {}
        self._image_of: dict[Path, Path] = {}

    def find(self, image: Path) -> Path | None:
        path = _label_file(image) or self._by_stem.get(image.stem)
        if path is not None and self._image_of.setdefault(path, image) != image:
            raise InvalidInput(
                f"{self.shown(path)} belongs to {self._image_of[path].name} and {image.name}. Rename one image with"
                " its labels."
            )
        return path

    def shown(self, path: Path) -> str:
        return (
            path.relative_to(self._root).as_posix()
            if path.is_relative_to(self._root)
            else str(path)
        )

    def unused(self, others: Collection[str]) -> list[str]:
        """Return the files without image. `others` are the names of images in other formats."""
        alone = [path for path in self._files if path not in self._image_of]
        return [self.shown(path) for path in alone if path.stem not in others]


def _split_of(name: str) -> str:
    return next((part for part in name.split("/")[:-1] if part in SPLITS), "")


def _label_file(image: Path) -> Path | None:
    """Return the label file: the last folder images/ of the path becomes labels/, or it is beside the image."""
    parts = list(image.parts[:-1])
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    for folder in (Path(*parts), image.parent):
        path = folder / f"{image.stem}.txt"
        if path.is_file():
            return path
    return None


def _labels(file: Path | None, facts: _Set, choices: Choices, notes: Notes, size: Size) -> Labels:
    rows = list(_rows(file, facts)) if file is not None else []
    if facts.keypoints is not None:
        points = points_of(rows, facts.keypoints, facts.num_values, size)
        if not points and file is not None:
            notes.add("images without a labelled keypoint are left out", file.name)
        return Labels(points=points)
    layers = []
    for number, class_number, values in rows:
        try:
            region = fill([_corners(values, choices) * size], size)
            layers.append((index_of(facts.names[class_number], facts.classes, choices), region))
        except InvalidInput as error:
            raise InvalidInput(f"line {number}: {error}") from error
    place = file.name if file is not None else ""
    return Labels(mask_of(smaller_on_top(layers), size, notes, place))


def _corners(values: Sequence[float], choices: Choices) -> Corners:
    if len(values) != 4:
        return corners_of(values)
    if not choices.boxes_as_masks:
        raise InvalidInput(
            "a line of 5 numbers is a box, which does not say which pixels belong to the object. Export polygons"
            " (YOLO segmentation), or use --boxes-as-masks if objects fill their boxes."
        )
    x, y, width, height = values
    return box_corners(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _rows(file: Path, facts: _Set) -> Iterator[tuple[int, int, list[float]]]:
    """Yield line number, class number and the other values of each line."""
    for number, line in lines_of(file):
        first, *rest = line.split()
        try:
            values = [float(one) for one in rest]
            class_number = int(float(first))
        except ValueError as error:
            raise InvalidInput(f"line {number}: expected numbers ({error}). Correct it.") from error
        if float(first) != class_number or class_number not in facts.names:
            known = ", ".join(map(str, list(facts.names)[:20]))
            raise InvalidInput(
                f"line {number}: expected a class of data.yaml ({known}), got {first}. Classes count from 0: add"
                " the name, or correct the number."
            )
        _check_shares(number, values, facts)
        yield number, class_number, values


def _check_shares(number: int, values: Sequence[float], facts: _Set) -> None:
    """Raise `InvalidInput` for pixels instead of shares. A visibility may be 2."""
    shares = list(values)
    if facts.keypoints is not None:
        shares = [*values[:4]]
        shares += [one for place, one in enumerate(values[4:]) if place % facts.num_values < 2]
    far = next((one for one in shares if not -TOLERANCE <= one <= 1 + TOLERANCE), None)
    if far is not None:
        raise InvalidInput(
            f"line {number}: expected shares of the width and height, from 0 to 1, got {far:g}. Divide pixels by"
            " the size of the image."
        )
