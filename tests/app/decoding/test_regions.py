"""Promises of how COCO's regions become pixels."""

import numpy as np
import pytest

from app.decoding.regions import decompress_runs, fill_polygon, from_runs

PX = (4, 5)


def test_a_polygon_covers_the_pixels_whose_centre_it_holds() -> None:
    """A rectangle of whole pixels covers these and no more."""
    region = fill_polygon([1, 1, 4, 1, 4, 3, 1, 3], PX)
    assert region.nonzero()[0].tolist() == [1, 1, 1, 2, 2, 2]
    assert region.nonzero()[1].tolist() == [1, 2, 3, 1, 2, 3]


def test_a_polygon_may_reach_out_of_the_image() -> None:
    """What lies outside is cut off."""
    assert fill_polygon([-9, -9, 99, -9, 99, 99, -9, 99], PX).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_polygon_is_filled_by_the_even_odd_rule(seed: int) -> None:
    """Any polygon, crossing itself too, holds the centres that a ray leaves an odd number of times."""
    corners = np.random.default_rng(seed).uniform(-1, 9, size=(7, 2))
    region = fill_polygon(corners.ravel().tolist(), (8, 8))
    ends = np.roll(corners, -1, axis=0)
    for row, column in np.ndindex(8, 8):
        x, y = column + 0.5, row + 0.5
        crossed = (corners[:, 1] > y) != (ends[:, 1] > y)
        slope = (ends - corners)[crossed]
        at = corners[crossed, 0] + (y - corners[crossed, 1]) * slope[:, 0] / slope[:, 1]
        assert region[row, column] == ((at <= x).sum() % 2 == 1)


def test_a_thin_polygon_is_not_erased() -> None:
    """A wire that no pixel's centre lies on keeps the pixels of its corners."""
    region = fill_polygon([0.0, 1.1, 4.9, 1.1, 4.9, 1.2], PX)
    assert np.argwhere(region).tolist() == [[1, 0], [1, 4]]


def test_runs_go_down_the_columns() -> None:
    """The first run is of zeros."""
    assert from_runs([1, 2, 17], PX)[:, 0].tolist() == [False, True, True, False]


@pytest.mark.parametrize("counts", [[1, 2], [21], [25, -5]])
def test_runs_that_do_not_add_up_are_refused(counts: list[int]) -> None:
    """They belong to a picture of another size, or to none."""
    with pytest.raises(ValueError, match="add up to"):
        from_runs(counts, PX)


@pytest.mark.parametrize(
    ("text", "counts"),
    [("d1", [52]), ("5j06N", [5, 26, 6, 24]), ("T33X64FQo0", [100, 3, 200, 7, 190, 1000])],
)
def test_compressed_runs_are_read(text: str, counts: list[int]) -> None:
    """Five bits to a character, lowest first, from the fourth number on the difference to the last but one."""
    assert decompress_runs(text) == counts


@pytest.mark.parametrize("text", ["\n", "`", "oooooooo0", "é"])
def test_damaged_runs_are_refused(text: str) -> None:
    """A character of no meaning, a number without an end, a number too long for any picture."""
    with pytest.raises(ValueError, match="compressed runs"):
        decompress_runs(text)
