"""Read masks of other tools: which value or color is which class, from labelmap.txt, class lists and CSV files."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_client.converters.conversion import (
    BACKGROUND,
    IGNORE_INDEX,
    Choices,
    Color,
    Labels,
    Mask,
    Notes,
    Size,
    class_list,
    is_background,
)
from handsoff_client.converters.files import lines_of, read_text
from handsoff_shards.errors import InvalidInput

VOC_VOID: Color = (224, 224, 192)
"""The color of VOC's palette at 255: pixels without a label."""
_BIT_DEPTH = 24
"""The place of the number of bits in a PNG file."""
_NAME_OF_IGNORED = ("__ignore__", "_ignore_")


@dataclass(frozen=True)
class MaskClasses:
    """The classes of masks. `index_of` has the class of each value of a mask, `color_index` that of each color."""

    names: tuple[str, ...]
    index_of: Mapping[int, int]
    color_index: Mapping[Color, int] = field(default_factory=dict)

    @property
    def colors(self) -> dict[str, Color]:
        return {
            self.names[index]: color
            for color, index in self.color_index.items()
            if index < len(self.names)
        }

    @classmethod
    def of_indices(cls, values: Mapping[int, str], where: str, choices: Choices) -> "MaskClasses":
        """Return classes by value of the mask. 255 is ignored unless it has a name.

        If 0 has a name and none is the background, every pixel belongs to an object: there is no background then.
        """
        names = _names(list(values.values()), where, choices)
        if 0 in values and not any(is_background(name) for name in values.values()):
            names = names[1:]
        index = {value: _index(name, names, choices) for value, name in values.items()}
        return cls(names, {IGNORE_INDEX: IGNORE_INDEX, 0: 0} | index)


def read_labelmap(path: Path, choices: Choices) -> MaskClasses:
    """Return the classes of labelmap.txt of CVAT: `name:red,green,blue:parts:actions` in each line."""
    listed: dict[str, Color] = {}
    for number, line in lines_of(path):
        if line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(one) for one in rest.split(":")[0].split(","))
        except ValueError as error:
            raise InvalidInput(
                f"{path.name}:{number}: expected NAME:RED,GREEN,BLUE::, got '{line[:60]}'. Correct it."
            ) from error
        color = (red, green, blue)
        if color in listed.values() or name in listed:
            raise InvalidInput(
                f"{path.name}:{number}: the name or color of '{line[:60]}' is there twice. Change one."
            )
        listed[name] = color
    names = _names(list(listed), path.name, choices)
    index = {color: _index(name, names, choices) for name, color in listed.items()}
    if not any(is_background(name) for name in listed):
        index.setdefault((0, 0, 0), 0)
    by_line = {number: index[color] for number, color in enumerate(listed.values())}
    index.setdefault(VOC_VOID, IGNORE_INDEX)
    return MaskClasses(names, by_line | {IGNORE_INDEX: IGNORE_INDEX}, index)


def read_class_names(path: Path, choices: Choices) -> MaskClasses:
    """Return the classes of class_names.txt of labelme: one name a line, `__ignore__` first and without a value."""
    names = [line for _, line in lines_of(path) if line not in _NAME_OF_IGNORED]
    return MaskClasses.of_indices(dict(enumerate(names)), path.name, choices)


def read_classes_csv(path: Path, choices: Choices) -> MaskClasses:
    """Return the classes of _classes.csv of Roboflow: a heading, then `value, name` in each line."""
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(read_text(path).split("\n")) if row
    ]
    if not rows or [cell.casefold() for cell in rows[0]] != ["pixel value", "class"]:
        heading = ", ".join(rows[0])[:60] if rows else "an empty file"
        raise InvalidInput(
            f"{path.name}:1: expected the heading 'Pixel Value, Class', got '{heading}'. Export the version as"
            ' "Semantic'
            ' Segmentation Masks" (a classification project has no masks).'
        )
    values: dict[int, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not row[0].isdecimal() or int(row[0]) in values:
            raise InvalidInput(
                f"{path.name}:{number}: expected a new VALUE, NAME, got '{', '.join(row)[:60]}'. Export it again."
            )
        values[int(row[0])] = row[1]
    return MaskClasses.of_indices(values, path.name, choices)


def draw_mask(path: Path, classes: MaskClasses, notes: Notes, _size: Size) -> Labels:
    """Return the labels of an image whose mask is a file."""
    return Labels(read_mask(path, classes, notes))


def read_mask(path: Path, classes: MaskClasses, notes: Notes) -> Mask:
    """Return the class indices of a mask. Raises `InvalidInput` for a value or color that no class has."""
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            opened.load()
            image = opened.copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"{path.name}: expected a PNG ({error}). Export it again.") from error
    if image.mode in ("RGBA", "LA"):
        _check_opaque(image, path)
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    if image.mode == "P" and classes.color_index:
        mask = _from_palette(image, classes, path)
    elif image.mode == "RGB":
        mask = _from_rgb(image, classes, path)
    elif image.mode in ("P", "L", "1", "I;16", "I"):
        mask = _from_values(_stored(image, path), classes.index_of, path)
    else:
        raise InvalidInput(
            f"{path.name}: expected a palette, grey or RGB mask, got mode {image.mode}. Export it again."
        )
    if (mask == IGNORE_INDEX).any():
        notes.add(
            "pixels without a label (255 or the color of void) are ignored, not background",
            path.name,
        )
    return mask


def _names(names: list[str], where: str, choices: Choices) -> tuple[str, ...]:
    listed = class_list(names, where, choices)
    if not listed:
        raise InvalidInput(f"{where}: expected at least one class beside the background, got none.")
    return listed


def _index(name: str, names: tuple[str, ...], choices: Choices) -> int:
    if name.strip() == choices.ignore_label:
        return IGNORE_INDEX
    return names.index(BACKGROUND if is_background(name) else name.strip())


def _check_opaque(image: Image.Image, path: Path) -> None:
    if image.getextrema()[-1] != (255, 255):
        raise InvalidInput(
            f"{path.name}: the mask is transparent in places. Save it without alpha channel."
        )


def _stored(image: Image.Image, path: Path) -> NDArray[np.generic]:
    """Return the values in the file. Pillow scales grey of 2 and 4 bits to 0..255; the header has their number."""
    with path.open("rb") as file:
        bits = file.read(_BIT_DEPTH + 1)[_BIT_DEPTH]
    values: NDArray[np.generic] = np.asarray(image)
    return values // (255 // (2**bits - 1)) if image.mode == "L" and bits < 8 else values


def _from_values(values: NDArray[np.generic], index_of: Mapping[int, int], path: Path) -> Mask:
    table = np.full(65_536, -1, np.int32)
    for value, index in index_of.items():
        table[value] = index
    numbers = np.clip(values.astype(np.int64), 0, 65_535)
    indices = table[numbers]
    if (indices < 0).any():
        row, column = np.argwhere(indices < 0)[0].tolist()
        known = ", ".join(str(value) for value in sorted(index_of))
        raise InvalidInput(
            f"{path.name}: expected the values {known[:100]}, got {int(numbers[row, column])} at column {column},"
            f" row {row}. Add its class to the list, or export the mask again."
        )
    return indices.astype(np.uint8)


def _from_rgb(image: Image.Image, classes: MaskClasses, path: Path) -> Mask:
    """Return the classes of an RGB mask: by color, or by value if no colors are known and its channels are equal."""
    if classes.color_index:
        return _from_colors(image, classes, path)
    channels = np.asarray(image)
    if (channels == channels[:, :, :1]).all():
        return _from_values(channels[:, :, 0], classes.index_of, path)
    raise InvalidInput(
        f"{path.name}: the mask has colors, but the list of classes has none. Give a labelmap.txt with the colors."
    )


def _from_palette(image: Image.Image, classes: MaskClasses, path: Path) -> Mask:
    """Return the classes of the palette's colors. The index 255 is ignored if its color is that of no class.

    Programs that write a short palette fill it with black, so 255 then has the color of an earlier index.
    """
    is_void = np.asarray(image) == IGNORE_INDEX
    mask = _from_colors(image.convert("RGB"), classes, path, is_void)
    colors = np.array(image.getpalette("RGB")).reshape(-1, 3)
    if len(colors) > IGNORE_INDEX and (colors[:IGNORE_INDEX] == colors[IGNORE_INDEX]).all(1).any():
        mask[is_void] = IGNORE_INDEX
    return mask


def _from_colors(
    image: Image.Image,
    classes: MaskClasses,
    path: Path,
    is_void: NDArray[np.bool_] | None = None,
) -> Mask:
    """Return the classes of colors. Pixels of no class are ignored where `is_void` says so, else an error."""
    channels = np.asarray(image).astype(np.int64)
    packed = channels @ np.array([65_536, 256, 1])
    mask = np.zeros(packed.shape, np.uint8)
    is_known = np.zeros(packed.shape, np.bool_)
    for (red, green, blue), index in classes.color_index.items():
        matches = packed == red * 65_536 + green * 256 + blue
        mask[matches] = index
        is_known |= matches
    if is_void is not None:
        mask[is_void & ~is_known] = IGNORE_INDEX
        is_known |= is_void
    if not is_known.all():
        row, column = np.argwhere(~is_known)[0].tolist()
        raise InvalidInput(
            f"{path.name}: no label has the color {channels[row, column].tolist()} at column {column}, row {row}."
            " Add it to labelmap.txt, or export the mask again."
        )
    return mask
