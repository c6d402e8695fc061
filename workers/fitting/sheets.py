"""The fit's contact sheet: a column for each set of images, a row of titled cells for each image.

A row starts with the image's name and metrics. The legend of colors is at the top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from contracts.schemas import Color, LabelSchema
from workers.codecs.images import Pixels, encode_image
from workers.codecs.lettering import (
    LINE_PX,
    MARGIN_PX,
    TEXT_PX,
    TITLE_PX,
    Legend,
    blank,
    draw_legend,
    write,
)
from workers.codecs.task import TaskCodec

MAX_ROWS = 16
GAP_PX = 4
MIN_CELL_PX, MAX_CELL_PX = 112, 256
CAPTION_PX = 150
"""Width of a row's name and metrics."""
HEADING_PX = TITLE_PX + LINE_PX + 3 * MARGIN_PX
WARNING: Color = (200, 0, 0)

Row = dict[str, Pixels]
"""Cells by name, in order; the same names in every row of a column."""


@dataclass(frozen=True)
class SheetRow:
    """An image's cells, its name, lines with metrics, and a warning or ""."""

    cells: Row
    name: str
    facts: tuple[str, ...] = ()
    warning: str = ""


def encode_sheet(columns: Mapping[str, Sequence[SheetRow]], legend: Legend = ()) -> bytes:
    """Return titled columns of rows as one PNG. Cells are RGB and have one size; they are scaled for viewing.

    Raises:
        ValueError: there is no row.
    """
    drawn = [_column(title, rows) for title, rows in columns.items() if rows]
    if not drawn:
        raise ValueError("expected at least one row of cells, got none")
    height = max(len(column) for column in drawn)
    level = [_join([column, _white(column, height - len(column))], axis=0) for column in drawn]
    body = _join(level, axis=1, gap_px=4 * GAP_PX)
    if not legend:
        return encode_image(body)
    return encode_image(_join([draw_legend(legend, body.shape[1]), body], axis=0))


def legend_of(codecs: Sequence[TaskCodec], labels: LabelSchema) -> list[tuple[str, Color]]:
    """Return the names of the colors: classes, keypoints, unknown depth."""
    return [entry for codec in codecs for entry in codec.legend(labels)]


def _column(title: str, rows: Sequence[SheetRow]) -> Pixels:
    strips = []
    for row in rows:
        cells = _join([_sized(cell) for cell in row.cells.values()], axis=1, gap_px=GAP_PX)
        strips.append(_join([_caption(row, len(cells)), cells], axis=1))
    body = _join(strips, axis=0, gap_px=GAP_PX)
    return _join([_heading(title, tuple(rows[0].cells), body.shape[1]), body], axis=0)


def _heading(title: str, names: Sequence[str], width_px: int) -> Pixels:
    """Return the title of the set, and below it the names of the cells, each above its cell."""
    paper = blank(width_px, HEADING_PX)
    write(paper, (MARGIN_PX, MARGIN_PX), title, size_px=TITLE_PX, width_px=width_px - MARGIN_PX)
    step = (width_px - CAPTION_PX + GAP_PX) / len(names)
    for index, name in enumerate(names):
        at = (CAPTION_PX + index * step, TITLE_PX + 2 * MARGIN_PX)
        write(paper, at, name, width_px=step - GAP_PX)
    return np.asarray(paper)


def _caption(row: SheetRow, height_px: int) -> Pixels:
    """Return the name, the metrics below it and the warning in red; as many lines as fit beside the cells."""
    paper = blank(CAPTION_PX, height_px)
    lines = [row.name, *row.facts, *([row.warning] if row.warning else [])]
    for index, text in enumerate(lines):
        color = WARNING if row.warning and index == len(lines) - 1 else (0, 0, 0)
        top = 2 + index * LINE_PX
        if top + TEXT_PX <= height_px:
            write(paper, (MARGIN_PX, top), text, color=color, width_px=CAPTION_PX - 2 * MARGIN_PX)
    if row.warning:
        paper.paste(WARNING, (0, 0, 3, height_px))
    return np.asarray(paper)


def _sized(cell: Pixels) -> Pixels:
    """Return a cell at a size for viewing: small cells enlarged by a whole factor, large cells averaged down.

    Without this, 16 rows of 1024 px cells would be a picture of 130 megapixels.
    """
    reduction = -(-max(cell.shape[:2]) // MAX_CELL_PX)
    if reduction > 1:
        return np.asarray(Image.fromarray(cell).reduce(reduction))
    factor = max(1, -(-MIN_CELL_PX // cell.shape[0]))
    return cell.repeat(factor, axis=0).repeat(factor, axis=1)


def _join(parts: Sequence[Pixels], *, axis: int, gap_px: int = 0) -> Pixels:
    """Return parts one below the other (axis 0) or side by side (axis 1), with white gaps."""
    shape = list(parts[0].shape)
    shape[axis] = gap_px
    gap = np.full(shape, 255, dtype=np.uint8)
    spaced = [piece for part in parts for piece in (gap, part)][1:]
    return np.concatenate(spaced, axis=axis)


def _white(like: Pixels, height: int) -> Pixels:
    return np.full((height, *like.shape[1:]), 255, dtype=np.uint8)
