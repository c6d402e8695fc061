"""The labels that a CVAT export declares: classes with colors, keypoints, and the lines of a skeleton."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from handsoff_client.converters.conversion import (
    BACKGROUND,
    Color,
    KeypointNames,
    Notes,
    is_background,
)
from handsoff_shards.errors import InvalidInput

_REGIONS = ("polygon", "mask", "ellipse", "box")
_NO_CLASSES = ("points", "skeleton", "tag", "polyline", "cuboid")
_CIRCLE = re.compile(r"<circle\b[^>]*>")
_LINE = re.compile(r"<line\b[^>]*>")
_FIELD = re.compile(r"""([\w-]+)\s*=\s*["']([^"']*)["']""")
_LINES = "the lines of the skeleton could not be read; they only affect drawings"


@dataclass(frozen=True)
class CvatLabels:
    """All names, those that are classes in their order, colors, and keypoints."""

    declared: frozenset[str]
    classes: tuple[str, ...]
    colors: Mapping[str, Color]
    keypoints: KeypointNames | None
    has_regions: bool


def read_labels(root: Element, file: str, notes: Notes) -> CvatLabels:
    """Return the labels of the task or project. Raises `InvalidInput` without any, and for two kinds of skeleton."""
    labels = [label for group in root.findall("meta/*/labels") for label in group.findall("label")]
    if not labels:
        raise InvalidInput(
            f"{file}: expected <labels> with the names of the labels in <meta>, got none. Export the whole task."
        )
    names = {_text(label, "name") for label in labels}
    drawn = {shape.get("label", "") for tag in _REGIONS for shape in root.iter(tag)}
    pointed = {shape.get("label", "") for shape in root.findall("image/points")}
    classes = tuple(
        _text(label, "name")
        for label in labels
        if _is_class(label)
        and (_text(label, "name") in drawn or _text(label, "name") not in pointed)
    )
    colors = {_text(label, "name"): _color(_text(label, "color")) for label in labels}
    return CvatLabels(
        declared=frozenset(names),
        classes=classes,
        colors=_usable(colors),
        keypoints=_keypoints(root, labels, file, notes),
        has_regions=bool(drawn),
    )


def _is_class(label: Element) -> bool:
    return not _text(label, "parent") and _text(label, "type") not in _NO_CLASSES


def _usable(colors: Mapping[str, Color | None]) -> dict[str, Color]:
    """Return the known colors. Black means background, unless a label has that name."""
    usable = {name: color for name, color in colors.items() if color is not None}
    declared = next((name for name in usable if is_background(name)), None)
    return usable | {BACKGROUND: usable[declared] if declared else (0, 0, 0)}


def _keypoints(
    root: Element, labels: list[Element], file: str, notes: Notes
) -> KeypointNames | None:
    """Return the points of the only kind of skeleton that occurs, else the labels of single points."""
    kinds = sorted({shape.get("label", "") for shape in root.findall("image/skeleton")})
    singles = {shape.get("label", "") for shape in root.findall("image/points")}
    if len(kinds) > 1 or (kinds and singles):
        raise InvalidInput(
            f"{file}: expected one kind of keypoints, got {', '.join([*kinds, *sorted(singles)])}. Export a task"
            " with one skeleton, or only single points."
        )
    if kinds:
        (kind,) = kinds
        names = tuple(_text(one, "name") for one in labels if _text(one, "parent") == kind)
        svg = next((_text(one, "svg") for one in labels if _text(one, "name") == kind), "")
        return KeypointNames(names, _skeleton(svg, names, notes))
    names = tuple(_text(one, "name") for one in labels if _text(one, "name") in singles)
    return KeypointNames(names) if names else None


def _skeleton(svg: str, names: tuple[str, ...], notes: Notes) -> tuple[tuple[str, str], ...]:
    """Return the lines of the drawing between circles with names."""
    circles = [dict(_FIELD.findall(one)) for one in _CIRCLE.findall(svg)]
    by_node = {one.get("data-node-id", ""): one.get("data-label-name", "") for one in circles}
    lines = [dict(_FIELD.findall(one)) for one in _LINE.findall(svg)]
    pairs = tuple(
        (
            by_node.get(line.get("data-node-from", ""), ""),
            by_node.get(line.get("data-node-to", ""), ""),
        )
        for line in lines
    )
    if any(end not in names for pair in pairs for end in pair):
        notes.add(_LINES)
        return ()
    return pairs


def _text(label: Element, key: str) -> str:
    return (label.findtext(key) or "").strip()


def _color(text: str) -> Color | None:
    match = re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text)
    return (int(match[1], 16), int(match[2], 16), int(match[3], 16)) if match else None
