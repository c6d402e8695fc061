"""Tests of drawing COCO regions."""

from typing import Any

import numpy as np
import pytest

from app.decoding.coco.regions import (
    Budget,
    BudgetExceeded,
    Region,
    decompress_runs,
    fill_box,
    fill_polygons,
    from_runs,
)

PX = (4, 5)


def whole(region: Region, px: tuple[int, int] = PX) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the region in an image of `px` pixels."""
    image = np.zeros(px, dtype=bool)
    region.view_of(image)[:] = region.pixels
    return image


def filled(*polygons: list[float], px: tuple[int, int] = PX) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the pixels of some polygons."""
    return whole(fill_polygons(polygons, px, Budget(10_000)), px)


def runs(*counts: int) -> Region:
    """Return the region of some runs."""
    return from_runs(counts, PX, Budget(100))


def test_a_polygon_covers_the_pixels_whose_center_is_inside() -> None:
    """A rectangle of whole pixels covers exactly these pixels."""
    region = filled([1, 1, 4, 1, 4, 3, 1, 3])
    assert region.nonzero()[0].tolist() == [1, 1, 1, 2, 2, 2]
    assert region.nonzero()[1].tolist() == [1, 2, 3, 1, 2, 3]


def test_a_polygon_may_extend_beyond_the_image() -> None:
    """The part outside is cut off."""
    assert filled([-9, -9, 99, -9, 99, 99, -9, 99]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_polygon_is_filled_by_the_even_odd_rule(seed: int) -> None:
    """A center is inside, also of a polygon that crosses itself, if a ray crosses it an odd number of times."""
    corners = np.random.default_rng(seed).uniform(-1, 9, size=(7, 2))
    region = filled(corners.ravel().tolist(), px=(8, 8))
    ends = np.roll(corners, -1, axis=0)
    for row, column in np.ndindex(8, 8):
        x, y = column + 0.5, row + 0.5
        crossed = (corners[:, 1] > y) != (ends[:, 1] > y)
        slope = (ends - corners)[crossed]
        at = corners[crossed, 0] + (y - corners[crossed, 1]) * slope[:, 0] / slope[:, 1]
        assert region[row, column] == ((at <= x).sum() % 2 == 1)


def test_a_thin_polygon_is_not_erased() -> None:
    """A polygon that contains no pixel center keeps the pixels of its corners."""
    region = filled([0.0, 1.1, 4.9, 1.1, 4.9, 1.2])
    assert np.argwhere(region).tolist() == [[1, 0], [1, 4]]


def test_runs_go_down_the_columns() -> None:
    """Runs go down the columns, and the first one is of zeros."""
    assert whole(runs(1, 2, 17))[:, 0].tolist() == [False, True, True, False]


@pytest.mark.parametrize("counts", [[1, 2], [21], [25, -5], [2**62] * 4 + [20], [2**64 + 20]])
def test_runs_that_do_not_add_up_are_refused(counts: list[int]) -> None:
    """Runs must add up to the image, without overflow."""
    with pytest.raises(ValueError, match="add up to"):
        runs(*counts)


@pytest.mark.parametrize(
    ("text", "counts"),
    [("d1", [52]), ("5j06N", [5, 26, 6, 24]), ("T33X64FQo0", [100, 3, 200, 7, 190, 1000])],
)
def test_compressed_runs_are_decoded(text: str, counts: list[int]) -> None:
    """Five bits per character, lowest first; from the fourth number on, the difference to the last but one."""
    assert decompress_runs(text) == counts


@pytest.mark.parametrize("text", ["\n", "`", "oooooooo0", "é"])
def test_damaged_runs_are_refused(text: str) -> None:
    """Refused are invalid characters, unfinished numbers and numbers too long for any image."""
    with pytest.raises(ValueError, match="compressed runs"):
        decompress_runs(text)


def test_polygons_of_one_object_are_united() -> None:
    """Overlapping pixels count once."""
    both = filled([0, 0, 3, 0, 3, 2, 0, 2], [2, 1, 5, 1, 5, 4, 2, 4])
    assert both.sum() == 6 + 9 - 1


@pytest.mark.parametrize("shift", [-50.0, 50.0])
def test_a_polygon_outside_the_image_has_no_pixel(shift: float) -> None:
    """It has no pixel at the border either."""
    assert not filled([shift, 0, shift + 2, 0, shift + 2, 0.1]).any()


def test_a_box_covers_every_pixel_that_it_touches() -> None:
    """Partly covered pixels count, because the object may be there."""
    assert whole(fill_box([0.5, 0.5, 1.2, 1], PX, Budget(100))).sum() == 2 * 2
    assert fill_box([1, 1, 0, 5], PX, Budget(100)).area == 0


@pytest.mark.parametrize("number", [1e308, float("inf"), float("nan"), -1e7])
def test_coordinates_far_outside_are_refused(number: float) -> None:
    """Such a number is an error of the tool."""
    with pytest.raises(ValueError, match="is far outside the image"):
        filled([0, 0, number, 0, 1, 1])
    with pytest.raises(ValueError, match="is far outside the image"):
        fill_box([0, 0, number, 1], PX, Budget(100))


def test_the_budget_is_charged_before_drawing() -> None:
    """Polygons cost the rows of each edge, boxes their pixels, and runs the whole image."""
    zigzag = [number for place in range(1_000) for number in (place % 5, (place % 2) * 4.0)]
    with pytest.raises(BudgetExceeded, match="at most 2000 pixels"):
        fill_polygons([zigzag], PX, Budget(2_000))
    with pytest.raises(BudgetExceeded):
        from_runs([20], PX, Budget(19))
    with pytest.raises(BudgetExceeded):
        fill_box([0, 0, 5, 4], PX, Budget(19))
