"""The keypoints of a YOLO pose data set: their names from data.yaml, and the points of a line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handsoff_client.converters.conversion import Choices, KeypointNames, Notes, Point, Size
from handsoff_client.converters.data_yaml import numbers_of
from handsoff_shards.errors import InvalidInput
from handsoff_shards.yolo import mirrored_points

_NUMBERED = "data.yaml has no names of keypoints: they are point-0, point-1, ...; --keypoints A,B,... names them"
_MIRROR = (
    "flip_idx says which keypoints change places in a mirrored image, but the names do not say it; call them"
    " left_eye and right_eye with --keypoints, so that exports have it again"
)
_NO_VISIBILITY = "keypoints have no visibility: 0, 0 is read as not labelled, others as visible"


def keypoints_of(
    content: Mapping[str, Any], file: Path, choices: Choices, notes: Notes
) -> tuple[KeypointNames | None, int]:
    """Return the names of keypoints and the numbers for each one, 2 or 3; None without `kpt_shape`."""
    if content.get("kpt_shape") is None:
        return None, 0
    shape = numbers_of(content["kpt_shape"])
    if shape is None or len(shape) != 2 or shape[1] not in (2, 3) or not shape[0]:
        raise InvalidInput(
            f"{file.name}: expected kpt_shape: [NUMBER, 2 or 3], got {content['kpt_shape']}. Correct it."
        )
    count, num_values = shape
    names = _names(content, count, file, choices, notes)
    flips = content.get("flip_idx")
    if flips is not None:
        _check_flips(numbers_of(flips), names, file, notes)
    if num_values == 2:
        notes.add(_NO_VISIBILITY)
    return KeypointNames(names), num_values


def points_of(
    rows: Sequence[tuple[int, int, list[float]]],
    keypoints: KeypointNames,
    num_values: int,
    size: Size,
) -> tuple[Point, ...]:
    """Return the keypoints of the image's only object with labelled ones; nothing without such an object."""
    count = len(keypoints.names)
    poses = []
    for number, _, values in rows:
        if len(values) != 4 + count * num_values:
            raise InvalidInput(
                f"line {number}: expected a class, 4 numbers of the box and {count} x {num_values} of the"
                f" keypoints, got {1 + len(values)} numbers. Correct it, or kpt_shape in data.yaml."
            )
        points = [
            _point(
                number, keypoints.names[place], values[4 + place * num_values :][:num_values], size
            )
            for place in range(count)
        ]
        if any(point.visibility for point in points):
            poses.append(tuple(points))
    if len(poses) > 1:
        raise InvalidInput(
            f"expected keypoints of one object, got {len(poses)} objects. Crop the image to one object."
        )
    return poses[0] if poses else ()


def _point(number: int, name: str, values: Sequence[float], size: Size) -> Point:
    x, y = values[:2]
    visibility = values[2] if len(values) == 3 else float(bool(x or y)) * 2
    if visibility not in (0, 1, 2):
        raise InvalidInput(
            f"line {number}: expected the visibility 0, 1 or 2 of '{name}', got {visibility:g}. Correct it."
        )
    # Rounded shares may be slightly outside.
    x, y = (min(max(one, 0.0), 1.0) for one in (x, y))
    return Point(name, x * size[0], y * size[1], int(visibility))


def _names(
    content: Mapping[str, Any], count: int, file: Path, choices: Choices, notes: Notes
) -> tuple[str, ...]:
    names = list(choices.keypoints or ())
    source = "--keypoints"
    if not names:
        names, source = _listed(content), f"{file.name}: kpt_names"
    if not names:
        notes.add(_NUMBERED)
        return tuple(f"point-{place}" for place in range(count))
    if len(names) != count or len(set(names)) != count:
        raise InvalidInput(
            f"{source}: expected {count} different names, as in kpt_shape, got {len(names)}."
        )
    return tuple(names)


def _listed(content: Mapping[str, Any]) -> list[str]:
    """Return kpt_names, a list or a map from class to list, if all classes have the same."""
    listed = content.get("kpt_names")
    groups = list(listed.values()) if isinstance(listed, dict) else [listed]
    first = groups[0] if groups else None
    is_plain = isinstance(first, list) and all(one == first for one in groups)
    return [str(name) for name in first] if is_plain and first else []


def _check_flips(flips: list[int] | None, names: Sequence[str], file: Path, notes: Notes) -> None:
    """Compare flip_idx with the sides in the names, from which exports make it."""
    if flips is None or sorted(flips) != list(range(len(names))):
        raise InvalidInput(
            f"{file.name}: expected flip_idx with each number from 0 to {len(names) - 1} once. Correct or remove it."
        )
    mirrored = mirrored_points(names)
    if mirrored is not None and mirrored != flips:
        raise InvalidInput(
            f"{file.name}: flip_idx is {flips}, but the names of the keypoints say {mirrored}. The order of the"
            " names is probably wrong: correct one of them."
        )
    if mirrored is None and flips != list(range(len(names))):
        notes.add(_MIRROR)
