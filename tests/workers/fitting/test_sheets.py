"""The fit's contact sheet."""

import numpy as np
import pytest

from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_TASKS
from workers.codecs.images import Pixels, decode_image
from workers.codecs.lettering import draw_legend
from workers.codecs.registry import TASKS
from workers.fitting.sheets import (
    CAPTION_PX,
    GAP_PX,
    HEADING_PX,
    WARNING,
    SheetRow,
    encode_sheet,
    legend_of,
)

BLACK = np.zeros((64, 64, 3), dtype=np.uint8)
CELLS = ("real", "reconstruction", "label", "prediction")
ROW = SheetRow(dict.fromkeys(CELLS, BLACK), "a.png", ("PSNR 20.1 dB", "mIoU 0.83"))
WIDTH = CAPTION_PX + 4 * 128 + 3 * GAP_PX


def ink(pixels: Pixels) -> int:
    """Return the number of dark pixels."""
    return int((pixels.max(axis=2) < 128).sum())


def test_columns_are_side_by_side_below_their_titles() -> None:
    """Two columns of four cells each, enlarged twice; the shorter column ends in white."""
    sheet = decode_image(encode_sheet({"training": [ROW, ROW], "held-out": [ROW]}))
    assert sheet.shape[:2] == (HEADING_PX + 2 * 128 + GAP_PX, 2 * WIDTH + 4 * GAP_PX)
    assert (sheet[-1, CAPTION_PX] == 0).all()
    assert (sheet[-1, -1] == 255).all()


def test_titles_and_captions_are_written() -> None:
    """There is ink above each cell and beside each row; more text is more ink."""
    sheet = decode_image(encode_sheet({"training": [ROW]}))
    for index in range(len(CELLS)):
        left = CAPTION_PX + index * (128 + GAP_PX)
        assert ink(sheet[:HEADING_PX, left : left + 128]) > 0
    bare = decode_image(encode_sheet({"training": [SheetRow(ROW.cells, "a.png")]}))
    captions = [ink(drawn[HEADING_PX:, :CAPTION_PX]) for drawn in (sheet, bare)]
    assert captions[0] > captions[1] > 0


def test_a_flagged_row_is_marked_in_red() -> None:
    """It has a red bar of its height and a red text; other rows have no red."""
    flagged = SheetRow(ROW.cells, "b.png", warning="not expressible")
    sheet = decode_image(encode_sheet({"training": [flagged, ROW]}))
    is_red = (sheet[HEADING_PX:, :CAPTION_PX] == WARNING).all(axis=2)
    assert is_red[:128, 0].all()
    assert is_red[:128, 10:].any()
    assert not is_red[128:].any()


def test_the_legend_is_at_the_top() -> None:
    """It is as wide as the sheet."""
    legend = legend_of(TASKS, ALL_TASKS)
    sheet = decode_image(encode_sheet({"training": [ROW]}, legend))
    strip = draw_legend(legend, WIDTH)
    np.testing.assert_array_equal(sheet[: len(strip)], strip)


def test_a_legend_names_everything_that_is_drawn() -> None:
    """Classes have the schema's colors, or those of the palette."""
    assert [name for name, _ in legend_of(TASKS, ALL_TASKS)] == [
        "left",
        "right",
        "keypoint, visible",
        "keypoint, hidden",
        "depth unknown",
    ]
    assert legend_of(TASKS, ALL_TASKS)[1][1] == (200, 100, 50)
    plain = LabelSchema(classes=("left", "right"))
    assert legend_of(TASKS[:1], plain) == [("left", (0, 0, 0)), ("right", (128, 0, 0))]


def test_an_empty_column_is_left_out() -> None:
    """A fit without held-out images has one column."""
    sheet = decode_image(encode_sheet({"training": [ROW], "held-out": []}))
    assert sheet.shape[1] == WIDTH


def test_large_images_are_shown_small() -> None:
    """Cells of a 1024 px generator are averaged to 256 px, so that viewers can open the sheet."""
    cell = np.full((1024, 1024, 3), 7, dtype=np.uint8)
    row = SheetRow(dict.fromkeys(CELLS, cell), "a.png")
    sheet = decode_image(encode_sheet({"training": [row]}))
    assert sheet.shape[:2] == (HEADING_PX + 256, CAPTION_PX + 4 * 256 + 3 * GAP_PX)
    assert (sheet[-1, CAPTION_PX] == 7).all()


def test_an_empty_sheet_is_refused() -> None:
    """A sheet without rows is an error."""
    with pytest.raises(ValueError, match="at least one row"):
        encode_sheet({"training": []})
