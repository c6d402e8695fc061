"""Text on contact sheets."""

import numpy as np
import pytest

from workers.codecs.images import PALETTE
from workers.codecs.lettering import (
    MARGIN_PX,
    MAX_LEGEND,
    TEXT_PX,
    blank,
    draw_legend,
    fitted,
    font,
    write,
)


def test_a_long_name_keeps_its_ends() -> None:
    """File names often differ at their ends. A name that fits is not changed."""
    short = fitted("photographs-of-faces-from-the-archive-000017.png", 120)
    assert font(TEXT_PX).getlength(short) <= 120
    assert short.startswith("photo")
    assert short.endswith("17.png")
    assert fitted("a.png", 120) == "a.png"


@pytest.mark.parametrize("text", ["日本語", "naïve", "", "x" * 1000, "\U0001f600"])
def test_any_text_can_be_written(text: str) -> None:
    """Characters that the font lacks do not raise an error."""
    paper = blank(80, 20)
    write(paper, (0, 0), text, width_px=80)
    assert paper.size == (80, 20)


def test_a_legend_has_every_color() -> None:
    """Each color is a swatch beside its name; names that do not fit go to the next line."""
    colors = [(PALETTE[3 * k], PALETTE[3 * k + 1], PALETTE[3 * k + 2]) for k in range(1, 12)]
    legend = [(f"class number {k}", color) for k, color in enumerate(colors)]
    wide, narrow = draw_legend(legend, 2000), draw_legend(legend, 300)
    for drawn in (wide, narrow):
        assert set(colors) <= {tuple(pixel) for pixel in drawn.reshape(-1, 3).tolist()}
    assert len(narrow) > len(wide)
    assert narrow.shape[1] == 300


def test_the_length_of_a_legend_is_limited() -> None:
    """Its last entry is the number of the other classes."""
    long = [(f"class {k}", (k % 256, 0, 0)) for k in range(256)]
    assert len(draw_legend(long, 600)) == len(draw_legend(long[: MAX_LEGEND + 1], 600))


def test_a_name_wider_than_the_sheet_is_shortened() -> None:
    """The strip keeps its width, and the margin stays white."""
    drawn = draw_legend([("x" * 500, (1, 2, 3))], 200)
    assert drawn.shape[1] == 200
    assert np.all(drawn[:, -MARGIN_PX:] == 255)
