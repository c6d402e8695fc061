"""The fit's contact sheet: for each set of images a column of rows, one for each image, of cells with names."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from workers.images import PALETTE, Pixels, encode_image

MAX_ROWS = 16
GAP_PX = 2
MIN_CELL_PX, MAX_CELL_PX = 96, 256
HEADING_PX = 16
COLOURS: Pixels = np.array(PALETTE, dtype=np.uint8).reshape(256, 3)

Row = dict[str, Pixels]
"""Cells by name, in order; the same names in every row of a column."""


def encode_sheet(columns: Mapping[str, Sequence[Row]]) -> bytes:
    """Titled columns of rows as one PNG. Cells are RGB and equally large; they are brought to a size for the eye."""
    if not any(columns.values()):
        raise ValueError("a sheet needs at least one row of cells")
    drawn = [_column(title, rows) for title, rows in columns.items() if rows]
    height = max(len(column) for column in drawn)
    level = [_join([column, _white(column, height - len(column))], axis=0) for column in drawn]
    return encode_image(_join(level, axis=1, gap_px=4 * GAP_PX))


def coloured(indices: Pixels) -> Pixels:
    """Class indices [height, width] in the palette's colours."""
    return COLOURS[indices]


def _column(title: str, rows: Sequence[Row]) -> Pixels:
    strips = [_join([_sized(cell) for cell in row.values()], axis=1, gap_px=GAP_PX) for row in rows]
    body = _join(strips, axis=0, gap_px=GAP_PX)
    return _join([_heading(title, tuple(rows[0]), body.shape[1]), body], axis=0)


def _heading(title: str, names: Sequence[str], width_px: int) -> Pixels:
    """The names of the cells, each above its own; the first says which images they are."""
    picture = Image.new("RGB", (width_px, HEADING_PX), "white")
    draw = ImageDraw.Draw(picture)
    for place, name in enumerate(names):
        text = f"{title}: {name}" if place == 0 else name
        draw.text((place * width_px / len(names) + GAP_PX, GAP_PX), text, fill="black")
    return np.asarray(picture)


def _sized(cell: Pixels) -> Pixels:
    """A small cell a whole number of times as large, so that every pixel stays a square; a large one averaged down.

    Sixteen rows of 1024 px cells would be a picture of 130 megapixels.
    """
    reduction = -(-max(cell.shape[:2]) // MAX_CELL_PX)
    if reduction > 1:
        return np.asarray(Image.fromarray(cell).reduce(reduction))
    factor = max(1, -(-MIN_CELL_PX // cell.shape[0]))
    return cell.repeat(factor, axis=0).repeat(factor, axis=1)


def _join(parts: Sequence[Pixels], *, axis: int, gap_px: int = 0) -> Pixels:
    """Parts one above the other (axis 0) or side by side (axis 1), white between them."""
    shape = list(parts[0].shape)
    shape[axis] = gap_px
    gap = np.full(shape, 255, dtype=np.uint8)
    spaced = [piece for part in parts for piece in (gap, part)][1:]
    return np.concatenate(spaced, axis=axis)


def _white(like: Pixels, height: int) -> Pixels:
    return np.full((height, *like.shape[1:]), 255, dtype=np.uint8)
