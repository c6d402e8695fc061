"""Drawing: polygons with the rule of the service, holes, parts outside the image, run lengths, rotation."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handsoff_client.converters.conversion import Notes
from handsoff_client.converters.regions import (
    Region,
    box_corners,
    corners_of,
    ellipse_corners,
    fill,
    from_rows,
    mask_of,
    rotated,
    smaller_on_top,
)
from handsoff_shards.errors import InvalidInput
from tests.client.conftest import Mask


def drawn(region: Region, size: tuple[int, int]) -> Mask:
    """Return a region in the whole image."""
    return mask_of([(1, region)], size, Notes(), "")


def test_a_pixel_is_inside_if_its_center_is() -> None:
    """A box from 0.6 to 2.6 covers the pixels 1 and 2: their centers are 1.5 and 2.5."""
    region = fill([box_corners(0.6, 0.6, 2.6, 2.6)], (5, 5))
    assert drawn(region, (5, 5)).nonzero()[0].tolist() == [1, 1, 2, 2]


def test_polygons_equal_those_of_the_service() -> None:
    """Random polygons, partly outside the image, have the pixels that the service draws for COCO."""
    regions = pytest.importorskip("app.decoding.coco.regions")
    rng = np.random.default_rng(3)
    for _ in range(200):
        corners = rng.uniform(-6, 26, (rng.integers(3, 9), 2))
        own = drawn(fill([corners], (20, 15)), (20, 15))
        theirs = regions.fill_polygons([corners.ravel().tolist()], (15, 20), regions.Budget(10**9))
        whole = np.zeros((15, 20), np.uint8)
        theirs.view_of(whole)[theirs.pixels] = 1
        assert own.tolist() == whole.tolist()


def test_a_hole_by_a_line_without_width_stays_a_hole() -> None:
    """The way of YOLO and COCO to write a hole in one polygon."""
    outer, inner = box_corners(0, 0, 6, 6), box_corners(2, 2, 4, 4)
    path = np.concatenate([outer, outer[:1], inner, inner[:1], outer[:1]])
    mask = drawn(fill([path], (6, 6)), (6, 6))
    assert mask[2:4, 2:4].sum() == 0
    assert mask.sum() == 32


def test_parts_are_united() -> None:
    """Two polygons of one object, one over the other, cover both areas."""
    mask = drawn(fill([box_corners(0, 0, 2, 2), box_corners(1, 1, 4, 2)], (5, 3)), (5, 3))
    assert mask.tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]]


def test_a_thin_polygon_does_not_vanish() -> None:
    """Without any center inside, the pixels of the corners are covered."""
    mask = drawn(fill([corners_of([0.1, 0.1, 2.9, 0.1, 2.9, 0.2])], (4, 2)), (4, 2))
    assert mask[0].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("shift", [-40, 40])
def test_a_polygon_outside_the_image_is_empty(shift: int) -> None:
    """On every side of the image."""
    assert not fill([box_corners(0, 0, 4, 4) + shift], (8, 8)).pixels.any()
    assert not fill([box_corners(shift, 1, shift + 4, 4)], (8, 8)).pixels.any()


def test_a_rotated_box_turns_clockwise() -> None:
    """A quarter turn around the upper left corner of a wide box points down and left of the corner."""
    corners = rotated(box_corners(4, 0, 8, 2), 90, (4, 0))
    assert np.allclose(corners, [(4, 0), (4, 4), (2, 4), (2, 0)])


def test_an_ellipse_has_its_area() -> None:
    """As Pillow draws it, except for single pixels on the border."""
    image = Image.new("1", (40, 30))
    ImageDraw.Draw(image).ellipse((5, 5, 34, 24), fill=1)
    mask = drawn(fill([ellipse_corners((20, 15), (15, 10))], (40, 30)), (40, 30))
    assert abs(int(mask.sum()) - int(np.asarray(image).sum())) < 25


def test_smaller_layers_are_on_top() -> None:
    """The larger one is drawn first, in any order of the file."""
    small, large = (fill([box_corners(0, 0, px, px)], (4, 4)) for px in (1, 3))
    assert smaller_on_top([(1, small), (2, large)]) == [(2, large), (1, small)]


@pytest.mark.parametrize("counts", [[3], [2, -1, 3], [2, 3]])
def test_wrong_runs_are_refused(counts: list[int]) -> None:
    """Runs must add up to the box, and are not negative."""
    with pytest.raises(InvalidInput, match="add up to 2 x 2"):
        from_rows(counts, (2, 2))


@pytest.mark.parametrize("numbers", [[0.0, 1], [0.0] * 7, [0.0, 0, 1, 1]])
def test_too_few_corners_are_refused(numbers: list[float]) -> None:
    """A polygon has at least 3 corners with 2 numbers each."""
    with pytest.raises(InvalidInput, match="at least 3 corners"):
        corners_of(numbers)


def test_no_number_is_refused() -> None:
    """NaN and numbers far outside cannot be drawn."""
    with pytest.raises(InvalidInput, match="far outside"):
        fill([np.array([(0, 0), (np.nan, 1), (2, 2)])], (4, 4))


def test_overlaps_and_cut_objects_are_noted() -> None:
    """A class over another one loses its pixels, and a part outside the image is lost. Both name the image."""
    notes = Notes()
    low, high = fill([box_corners(0, 0, 3, 3)], (4, 4)), fill([box_corners(2, 2, 9, 9)], (4, 4))
    mask = mask_of([(1, low), (2, high)], (4, 4), notes, "a.png")
    assert mask[2].tolist() == [1, 1, 2, 2]
    assert notes.lines == [
        "objects of different classes overlap; the pixels belong to the one in front (a.png)",
        "parts of objects outside the image are cut off (a.png)",
    ]


def test_equal_classes_and_rounded_corners_are_not_noted() -> None:
    """Nothing of a label is lost there."""
    notes = Notes()
    whole = fill([box_corners(-0.4, 0, 4.6, 4)], (4, 4))
    mask_of([(1, whole), (1, whole)], (4, 4), notes, "a.png")
    assert notes.lines == []
