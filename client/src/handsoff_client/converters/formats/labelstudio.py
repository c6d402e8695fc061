"""Convert the JSON export of Label Studio: polygons, brushes, ellipses, rectangles and keypoints in percent."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handsoff_client.converters.conversion import (
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
from handsoff_client.converters.files import ImageFinder, files_in
from handsoff_client.converters.formats.labelstudio_tasks import (
    Json,
    Result,
    annotation_of,
    image_of,
    results_of,
)
from handsoff_client.converters.regions import (
    Corners,
    Region,
    box_corners,
    corners_of,
    ellipse_corners,
    fill,
    mask_of,
    rotated,
)
from handsoff_client.converters.rle_pack import painted
from handsoff_client.converters.sources import left_out, read_json
from handsoff_shards.errors import InvalidInput

TOOL = "Label Studio JSON"
_EXPORT = 'Export the project as "JSON".'
_KEYPOINT = "keypoint"


def convert(path: Path, choices: Choices) -> Conversion:
    """Return the labels of an export: the JSON file with `--images`, or a folder of both."""
    file = _json_file(path)
    tasks = _tasks(read_json(file), file)
    notes = Notes()
    finder = ImageFinder(choices.images or file.parent)
    found: list[tuple[Path, str, list[Result]]] = []
    for number, task in enumerate(tasks):
        place = f"{file.name} (task {task.get('id', number)})"
        annotation = annotation_of(task, place, choices, notes)
        if annotation is None:
            continue
        image = image_of(task, place, finder, choices, notes)
        if image is not None:
            found.append((image, place, results_of(annotation, place, notes)))
    return _conversion(found, file, finder, choices, notes)


def _conversion(
    found: Sequence[tuple[Path, str, list[Result]]],
    file: Path,
    finder: ImageFinder,
    choices: Choices,
    notes: Notes,
) -> Conversion:
    results = [result for _, _, own in found for result in own]
    regions = sorted({one.label for one in results if one.kind != _KEYPOINT})
    points = sorted({one.label for one in results if one.kind == _KEYPOINT})
    classes = class_list(regions, file.name, choices) if regions else ()
    if regions and choices.classes is None:
        notes.add(
            "the export does not list the labels, so classes are in alphabetical order; --classes A,B,... sets it"
        )
    keypoints = _keypoints(points, choices)
    used = []
    for image, place, own in found:
        labels = partial(_labels, own, classes, choices, notes, place=place)
        used.append(LabelledImage(image, place, labels, _size(own, place)))
    left_out(finder, used, notes)
    return Conversion(tool=TOOL, images=used, notes=notes, classes=classes, keypoints=keypoints)


def _json_file(path: Path) -> Path:
    files = [path] if path.is_file() else files_in(path, ".json")
    if len(files) != 1:
        raise InvalidInput(
            f"expected one JSON file in '{path.name}', got {len(files)}. Give the file instead of the folder."
        )
    return files[0]


def _tasks(content: object, file: Path) -> list[Json]:
    tasks: list[Any] = content if isinstance(content, list) else [content]
    for task in tasks:
        if not isinstance(task, Mapping) or not (
            {"annotations", "completions"} & task.keys() and "data" in task
        ):
            raise InvalidInput(
                f'{file.name}: expected a list of tasks with "data" and "annotations", got another form (JSON-MIN,'
                " COCO or"
                f" CSV?). {_EXPORT}"
            )
    return tasks


def _keypoints(found: list[str], choices: Choices) -> KeypointNames | None:
    if not found:
        return None
    names = list(choices.keypoints or found)
    absent = [name for name in found if name not in names]
    if absent:
        raise InvalidInput(
            f"keypoint '{absent[0]}' is not one of --keypoints {','.join(names)}. Add it there."
        )
    return KeypointNames(tuple(names))


def _size(results: Sequence[Result], place: str) -> Size | None:
    sizes = {one.size for one in results}
    if len(sizes) > 1:
        raise InvalidInput(f"{place}: results have different original sizes. {_EXPORT}")
    return next(iter(sizes), None)


def _labels(
    results: Sequence[Result],
    classes: tuple[str, ...],
    choices: Choices,
    notes: Notes,
    size: Size,
    *,
    place: str,
) -> Labels:
    """Draw the results in their order. An annotation without any result says that the image has no object."""
    points = tuple(_points(results, size))
    regions = [one for one in results if one.kind != _KEYPOINT]
    if not regions and points and not choices.missing_is_background:
        return Labels(points=points)
    layers = []
    for one in regions:
        try:
            region = _region(one, size, choices)
            layers.append((index_of(one.label, classes, choices), region))
        except InvalidInput as error:
            raise InvalidInput(f"result {one.id}: {error}") from error
        if not region.pixels.any():
            notes.add("objects outside the image are left out", f"result {one.id}")
    mask = mask_of(layers, size, notes, place) if classes else None
    return Labels(mask, points)


def _points(results: Sequence[Result], size: Size) -> Iterator[Point]:
    seen: set[str] = set()
    for one in results:
        if one.kind == _KEYPOINT:
            if one.label in seen:
                raise InvalidInput(
                    f"expected one keypoint '{one.label}', got two. An image has one set of keypoints: delete one,"
                    " or crop the image to one object."
                )
            seen.add(one.label)
            x, y = (one.number(key) * side / 100 for key, side in zip("xy", size, strict=True))
            yield Point(one.label, x, y)


def _region(result: Result, size: Size, choices: Choices) -> Region:
    if result.kind == "brush":
        rle = result.value.get("rle")
        if not isinstance(rle, list):
            raise InvalidInput(f'expected "rle" as a list of bytes. {_EXPORT}')
        return Region(0, 0, painted(rle, size))
    if result.kind == "rectangle" and not choices.boxes_as_masks:
        raise InvalidInput(
            f"a rectangle of '{result.label}' does not say which pixels belong to the object. Draw polygons or"
            " brushes, or use --boxes-as-masks if objects fill their boxes."
        )
    return fill([_corners(result, size)], size)


def _corners(result: Result, size: Size) -> Corners:
    """Return the outline in pixels. Percent of width and height differ, so rotations follow after the scaling."""
    share = np.array(size) / 100
    if result.kind == "polygon":
        return _polygon(result) * share
    place = np.array([result.number("x"), result.number("y")]) * share
    turn = result.number("rotation") if result.value.get("rotation") else 0.0
    if result.kind == "ellipse":
        radii = np.array([result.number("radiusX"), result.number("radiusY")]) * share
        return rotated(ellipse_corners(tuple(place), tuple(radii)), turn, tuple(place))
    extent = np.array([result.number("width"), result.number("height")]) * share
    corners = box_corners(*place, *(place + extent))
    return rotated(corners, turn, tuple(place))  # around the upper left corner


def _polygon(result: Result) -> Corners:
    points: Any = result.value.get("points")
    if result.value.get("closed") is False:
        raise InvalidInput("the polygon is not closed. Close or delete it.")
    try:
        return corners_of([float(one) for pair in points for one in (pair[0], pair[1])])
    except (TypeError, ValueError, LookupError) as error:
        raise InvalidInput(f'expected "points" as [[x, y], ...] ({error}). {_EXPORT}') from error
