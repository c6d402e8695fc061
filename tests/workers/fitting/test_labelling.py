"""Which images a sheet shows."""

from workers.fitting.labelling import shown_places
from workers.fitting.sheets import MAX_ROWS


def test_flagged_images_are_shown_first() -> None:
    """The others follow in their order; a flagged one beyond the sheet's end is shown all the same."""
    assert shown_places([True, False, True, False]) == [1, 3, 0, 2]
    late = [True] * 40
    late[39] = False
    assert shown_places(late) == [39, *range(MAX_ROWS - 1)]
