"""The fit's contact sheet."""

import numpy as np
import pytest

from workers.images import decode_image
from workers.sheets import coloured, encode_sheet

CELL = np.zeros((64, 64, 3), dtype=np.uint8)


def test_rows_stand_side_by_side() -> None:
    """Three rows in two columns make two lines; the empty place is white."""
    sheet = decode_image(encode_sheet([[CELL, CELL]] * 3, num_columns=2))
    assert sheet.shape[0] == 2 * 128 + 2
    assert (sheet[-1, -1] == 255).all()


def test_a_sheet_of_nothing_is_refused() -> None:
    """A fit without images never gets this far; a caller who tries is told."""
    with pytest.raises(ValueError, match="at least one row"):
        encode_sheet([])


def test_labels_have_the_palettes_colours() -> None:
    """Class 1 is the palette's second colour."""
    assert coloured(np.ones((1, 1), dtype=np.uint8)).tolist() == [[[128, 0, 0]]]
