"""The choice of the images on a sheet."""

from workers.fitting.labelling import shown_indices
from workers.fitting.sheets import MAX_ROWS


def test_flagged_images_are_shown_first() -> None:
    """The others follow in their order. A flagged image is shown even if it is behind the sheet's last row."""
    assert shown_indices([True, False, True, False]) == [1, 3, 0, 2]
    late = [True] * 40
    late[39] = False
    assert shown_indices(late) == [39, *range(MAX_ROWS - 1)]
