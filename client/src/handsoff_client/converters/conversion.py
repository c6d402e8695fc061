"""The common result of all converters: labelled images with one class list, drawn one by one, and notes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.errors import InvalidInput

Size = tuple[int, int]
"""Width and height in pixels of the upright image."""
Mask = NDArray[np.uint8]
Color = tuple[int, int, int]

BACKGROUND = "background"
IGNORE_INDEX = 255
MAX_CLASSES = 255
UNEXPECTED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Errors of Python for values of another type than a format has, such as text for a number."""
MAX_EXAMPLES = 3
"""How many places a note names."""


@dataclass(frozen=True)
class Point:
    """One keypoint in continuous pixels: 0.5, 0.5 is the center of the first pixel. Visibility is that of COCO."""

    name: str
    x: float
    y: float
    visibility: int = 2


@dataclass(frozen=True)
class Labels:
    """The labels of one image: class indices or None, and keypoints."""

    mask: Mask | None = None
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class LabelledImage:
    """One image file and the function that draws its labels. `size` is the annotated one, if the tool says it.

    `place` names the annotation in messages. `split` is train, valid or test, if the tool has splits.
    """

    file: Path
    place: str
    draw: Callable[[Size], Labels]
    size: Size | None = None
    split: str = ""


def background(size: Size) -> Labels:
    """Return the labels of an image without objects."""
    return Labels(np.zeros(size[::-1], np.uint8))


class Notes:
    """Sentences about ambiguous content, each with the places where it applies."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def add(self, text: str, place: str = "") -> None:
        places = self._places.setdefault(text, [])
        if place and place not in places:
            places.append(place)

    @property
    def lines(self) -> list[str]:
        """Return one line for each sentence, with the first places."""
        return [_line(text, places) for text, places in self._places.items()]


@dataclass(frozen=True)
class KeypointNames:
    """The names of keypoints, and the pairs that a line connects."""

    names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a converter found. `tool` names the format. `classes` starts with the background; none without masks."""

    tool: str
    images: Sequence[LabelledImage]
    notes: Notes
    classes: Sequence[str] = ()
    colors: Mapping[str, Color] = field(default_factory=dict)
    keypoints: KeypointNames | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options of the command line. Each converter uses those that fit its format."""

    images: Path | None = None
    classes: Sequence[str] | None = None
    keypoints: Sequence[str] | None = None
    ignore_label: str | None = None
    split: str | None = None
    annotator: str | None = None
    image_key: str | None = None
    boxes_as_masks: bool = False
    missing_is_background: bool = False
    skip_missing: bool = False


def is_background(name: str) -> bool:
    """Return whether a label is the background by its name, including `_background_`."""
    return name.strip("_ ").casefold() == BACKGROUND


def class_list(names: Sequence[str], where: str, choices: Choices) -> tuple[str, ...]:
    """Return the classes: the background first, then the others in their order, without the ignored label.

    `--classes` replaces the order. Raises `InvalidInput` if it lacks a name, and for equal names.
    """
    cleaned = [name.strip() for name in names]
    listed = [name for name in cleaned if name != choices.ignore_label and not is_background(name)]
    if choices.classes is not None:
        wished = [name for name in choices.classes if not is_background(name)]
        absent = [name for name in listed if name not in wished]
        if absent:
            raise InvalidInput(
                f"{where}: label '{absent[0]}' is not one of --classes {','.join(choices.classes)}. Add it there, or"
                " remove its annotations."
            )
        listed = wished
    repeated = sorted({name for name in listed if listed.count(name) > 1})
    if repeated:
        raise InvalidInput(
            f"{where}: expected different labels, got '{repeated[0]}' twice. Rename one."
        )
    if len(listed) >= MAX_CLASSES:
        raise InvalidInput(
            f"{where}: expected at most {MAX_CLASSES - 1} labels, got {len(listed)}. Remove some."
        )
    return (BACKGROUND, *listed) if listed else ()


def index_of(label: str, classes: Sequence[str], choices: Choices) -> int:
    """Return the class index of a label; 255 for the ignored one. Raises `InvalidInput` for an unknown one."""
    label = label.strip()
    if label == choices.ignore_label:
        return IGNORE_INDEX
    if is_background(label):
        return 0
    if label not in classes:
        listed = ", ".join(classes[:20])
        raise InvalidInput(
            f"expected one of the labels {listed}, got '{label[:64]}'. Declare it in the tool, or remove its"
            " annotation."
        )
    return list(classes).index(label)


def _line(text: str, places: Sequence[str]) -> str:
    if not places:
        return text
    more = f" and {len(places) - MAX_EXAMPLES} more" if len(places) > MAX_EXAMPLES else ""
    return f"{text} ({', '.join(places[:MAX_EXAMPLES])}{more})"
