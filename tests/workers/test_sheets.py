"""The fit's contact sheet."""

import numpy as np
import pytest

from workers.images import decode_image
from workers.sheets import HEADING_PX, coloured, encode_sheet

BLACK = np.zeros((64, 64, 3), dtype=np.uint8)
CELLS = ("real", "reconstruction", "label", "prediction")
ROW = dict.fromkeys(CELLS, BLACK)


def test_columns_stand_side_by_side_below_their_titles() -> None:
    """Two columns of four cells each, twice enlarged; the shorter one ends in white."""
    sheet = decode_image(encode_sheet({"training": [ROW, ROW], "held-out": [ROW]}))
    assert sheet.shape[:2] == (HEADING_PX + 2 * 128 + 2, 2 * (4 * 128 + 3 * 2) + 8)
    assert (sheet[-1, 0] == 0).all()
    assert (sheet[-1, -1] == 255).all()


def test_the_heading_is_written() -> None:
    """There is ink above the pictures."""
    sheet = decode_image(encode_sheet({"training": [ROW]}))
    assert (sheet[:HEADING_PX] < 128).any()


def test_an_empty_column_is_left_out() -> None:
    """A fit without held-out images has one column."""
    sheet = decode_image(encode_sheet({"training": [ROW], "held-out": []}))
    assert sheet.shape[1] == 4 * 128 + 3 * 2


def test_large_images_are_shown_small() -> None:
    """A 1024 px generator's sheet stays a picture that can be opened: cells of 256 px, averaged."""
    cell = np.full((1024, 1024, 3), 7, dtype=np.uint8)
    sheet = decode_image(encode_sheet({"training": [dict.fromkeys(CELLS, cell)]}))
    assert sheet.shape[:2] == (HEADING_PX + 256, 4 * 256 + 3 * 2)
    assert (sheet[-1, 0] == 7).all()


def test_a_sheet_of_nothing_is_refused() -> None:
    """A fit without images never gets this far; a caller who tries is told."""
    with pytest.raises(ValueError, match="at least one row"):
        encode_sheet({"training": []})


def test_labels_have_the_palettes_colours() -> None:
    """Class 1 is the palette's second colour."""
    assert coloured(np.ones((1, 1), dtype=np.uint8)).tolist() == [[[128, 0, 0]]]
