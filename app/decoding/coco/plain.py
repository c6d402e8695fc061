"""Turns values of a COCO file that tools write in other ways into the usual form, where their meaning is clear.

Each function takes a value of untrusted JSON. It raises `ValueError` for a value without a clear meaning, or returns
that value unchanged if the model's own check has a good message.
"""

import math
from typing import Any

_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
_MAX_DIGITS = 18
_NUM_CORNERS = 3


def identity(value: object) -> int | str:
    """Return an id: a whole number, also one in text, or other text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
        value = int(value) if len(value) <= _MAX_DIGITS else value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and not -(2**63) <= value < 2**63:  # type: ignore[operator]  # it is a number
        raise ValueError("expected an id of at most 64 bits, got a larger number")
    if not is_number and not isinstance(value, str):
        raise ValueError("expected a whole number or text as an id, got another value")
    return value  # type: ignore[return-value]  # checked above


def region(value: object) -> object:
    """Return a list of polygons, run lengths, or None for every spelling of "no region", such as no runs.

    Accepted are one polygon without the list around it, corners as pairs, and run lengths in a list.
    """
    if not value:
        return None
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list):
        return _polygons(value)
    if isinstance(value, dict) and value.get("counts") in ("", []):
        return None
    if isinstance(value, str | int | float):
        raise ValueError("expected a list of polygons, or run lengths as {size, counts}")  # noqa: TRY004 - pydantic expects ValueError
    return value


def keypoints(value: object) -> object:
    """Return x, y, visibility, ... as one list. Triples are joined, and an unlabelled point needs no coordinates."""
    if value in ([], {}, "") or not isinstance(value, list | tuple):
        return value or None
    numbers = list(value)
    if all(isinstance(one, list) and len(one) == 3 for one in numbers):
        numbers = [number for triple in numbers for number in triple]
    if any(isinstance(one, bool) for one in numbers):
        raise ValueError("expected numbers with a visibility of 0, 1 or 2, got true or false")
    for place in range(2, len(numbers), 3):
        if numbers[place] in (0, None):
            numbers[place - 2 : place + 1] = [0.0, 0.0, 0.0]
    return numbers


def flag(value: object) -> object:
    """Return whether a flag is set. Some tools write it as text."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text not in _TRUTH:
            raise ValueError(f"expected 0 or 1, got '{text[:20]}'")
        return _TRUTH[text]
    return bool(value)


def box(value: object) -> tuple[float, float, float, float] | None:
    """Return a box of four finite numbers; None for anything else."""
    if not isinstance(value, list | tuple):
        return None
    try:
        numbers = [float(one) for one in value]
    except (TypeError, ValueError):
        return None
    match numbers:
        case [x, y, width, height] if all(map(math.isfinite, numbers)):
            return x, y, width, height
    return None


def text(value: object) -> object:
    """Return a number as text: some data sets have digits as names."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and abs(value) < 10**_MAX_DIGITS else value  # type: ignore[arg-type]  # a number


def texts(value: object) -> object:
    """Return a list of names; an empty one for null."""
    return [text(one) for one in value] if isinstance(value, list | tuple) else value or ()


def text_or_none(value: object) -> object:
    """Return text, or None for anything else."""
    return value if isinstance(value, str) else None


def whole_number(value: object) -> object:
    """Return a whole number, or None for a field of the same name with another meaning."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def nothing_for_zero(value: object) -> object:
    """Return None for a size of 0, which tools write if they do not know it."""
    return None if value in (0, "", "0") else value


def _polygons(parts: list[Any]) -> object:
    """Return a list of polygons, each a flat list of numbers, or run lengths."""
    if all(_is_number(one) for one in parts):
        return [parts]
    if len(parts) == 1 and isinstance(parts[0], dict):
        return parts[0]
    if len(parts) >= _NUM_CORNERS and all(_is_corner(one) for one in parts):
        return [_joined(parts)]
    kept = [one for one in parts if one != []]
    return [_joined(one) if _is_corners(one) else one for one in kept] or None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_corner(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_corners(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_corner, value))


def _joined(corners: list[list[float]]) -> list[float]:
    return [number for corner in corners for number in corner]
