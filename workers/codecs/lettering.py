"""Text on contact sheets: lines shortened to their width, and legends of colors with their names.

All pictures are RGB, black on white, in Pillow's own font.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from contracts.schemas import Color
from workers.codecs.images import Pixels

TEXT_PX, TITLE_PX = 14, 20
LINE_PX = 18
MARGIN_PX = 6
SWATCH_PX = 14
MAX_LEGEND = 64
"""Further classes are only counted: a legend longer than its sheet is useless."""
BLACK: Color = (0, 0, 0)
ELLIPSIS = "..."

Legend = Sequence[tuple[str, Color]]
"""Names of classes in order, and their colors."""


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's scalable font. It ships with Pillow, so a sheet looks the same on every machine."""
    scalable = ImageFont.load_default(size_px)
    assert isinstance(scalable, ImageFont.FreeTypeFont)  # Pillow's wheels have FreeType
    return scalable


def blank(width_px: int, height_px: int) -> Image.Image:
    """Return a white picture."""
    return Image.new("RGB", (width_px, height_px), "white")


def fitted(text: str, width_px: float, size_px: int = TEXT_PX) -> str:
    """Return the text; if it is too wide, without its middle: file names often differ at their ends."""
    letters = font(size_px)
    if letters.getlength(text) <= width_px:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2] + ELLIPSIS + text[-(kept // 2) :]
        if letters.getlength(short) <= width_px:
            return short
    return ELLIPSIS


def write(
    paper: Image.Image,
    position: tuple[float, float],
    text: str,
    *,
    size_px: int = TEXT_PX,
    color: Color = BLACK,
    width_px: float | None = None,
) -> None:
    """Write one line with its upper left corner at `position`, shortened to `width_px`."""
    words = text if width_px is None else fitted(text, width_px, size_px)
    ImageDraw.Draw(paper).text(position, words, fill=color, font=font(size_px))


def draw_legend(legend: Legend, width_px: int) -> Pixels:
    """Return a strip of swatches with names, as many per line as fit."""
    shown = list(legend[:MAX_LEGEND])
    left_out = len(legend) - len(shown)
    entries: list[tuple[str, Color | None]] = [*shown]
    if left_out:
        entries.append((f"and {left_out} more", None))
    room = width_px - 2 * MARGIN_PX
    swatches: list[tuple[int, int, str, Color | None]] = []
    x = line = 0
    for name, color in entries:
        words = fitted(name, room - SWATCH_PX - MARGIN_PX)
        taken = SWATCH_PX + MARGIN_PX + int(font(TEXT_PX).getlength(words)) + 2 * MARGIN_PX
        if x > 0 and x + taken > room:
            x, line = 0, line + 1
        swatches.append((x, line, words, color))
        x += taken
    paper = blank(width_px, (line + 1) * LINE_PX + 2 * MARGIN_PX)
    draw = ImageDraw.Draw(paper)
    for x, line, words, color in swatches:
        left, top = MARGIN_PX + x, MARGIN_PX + line * LINE_PX
        if color is not None:
            box = (left, top + 1, left + SWATCH_PX, top + 1 + SWATCH_PX)
            draw.rectangle(box, fill=color, outline=(90, 90, 90))
        write(paper, (left + SWATCH_PX + MARGIN_PX, top), words)
    return np.asarray(paper)
