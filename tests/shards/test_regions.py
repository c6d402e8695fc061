"""Regions of masks: parts, outlines and run lengths are exact."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco  # type: ignore[import-untyped]  # it has no annotations

from handsoff_shards.regions import Polygon, box, components, find_parts, outline, run_lengths

Mask = NDArray[np.bool_]
masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9))
indices = arrays.arrays(
    np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)
)

RING = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=np.bool_)


def filled(polygon: Polygon, shape: tuple[int, ...]) -> Mask:
    """Return the pixels whose centers are inside a polygon by the even-odd rule."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if y0 != y1:
            crosses = (y0 > rows) != (y1 > rows)
            inside ^= crosses & (columns < x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
    return inside


@given(masks)
@settings(max_examples=50)
def test_an_outline_encloses_its_own_pixels(mask: Mask) -> None:
    """Holes are exact too. The parts do not overlap, and their sum is the mask."""
    parts = list(components(mask))
    for part in parts:
        assert np.array_equal(filled(outline(part), mask.shape), part)
    assert np.array_equal(
        sum((part.astype(int) for part in parts), np.zeros(mask.shape, int)), mask
    )


def flood_fill(values: NDArray[np.uint8], selected: set[int]) -> list[tuple[int, Mask]]:
    """Return the parts by value and first pixel. Each is filled from its first pixel, neighbour by neighbour."""
    height, width = values.shape
    left = {(y, x) for y, x in np.ndindex(height, width) if values[y, x] in selected}
    parts = []
    for first in sorted(left):
        if first not in left:
            continue
        part = np.zeros(values.shape, np.bool_)
        waiting = [first]
        while waiting:
            y, x = waiting.pop()
            if (y, x) in left and values[y, x] == values[first]:
                left.remove((y, x))
                part[y, x] = True
                waiting += [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        parts.append((int(values[first]), part))
    return sorted(parts, key=lambda one: one[0])


@given(indices)
@settings(max_examples=100)
def test_parts_are_those_of_a_flood_fill(values: NDArray[np.uint8]) -> None:
    """Parts are in order of value and first pixel. Outline, area and box match."""
    parts = find_parts(values, [1, 3])
    expected = flood_fill(values, {1, 3})
    assert [part.value for part in parts] == [value for value, _ in expected]
    for part, (_, mask) in zip(parts, expected, strict=True):
        corners = [(x, y) for x, y in part.outline.tolist()]
        assert np.array_equal(filled(corners, mask.shape), mask)
        assert (part.area, part.box) == (mask.sum(), box(mask))


# pycocotools 2.0.11 is not ready for NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(masks)
@settings(max_examples=100)
def test_an_outline_is_exact_for_pycocotools(mask: Mask) -> None:
    """It has its own way to draw polygons. Pixel corners and lines without width are exact there too."""
    height, width = mask.shape
    for part in components(mask):
        corners = np.ravel(outline(part)).tolist()
        drawn = coco.decode(coco.frPyObjects([corners], height, width))[..., 0]
        assert np.array_equal(drawn, part)


def speckled(px: int) -> NDArray[np.uint8]:
    """Return a mask whose parts are mostly single pixels."""
    return np.random.default_rng(0).integers(0, 13, (px, px)).astype(np.uint8)


def nested(px: int) -> NDArray[np.uint8]:
    """Return rings inside rings: each part is long and has a large box."""
    distance = np.abs(np.arange(px) - px // 2)
    return (np.maximum(distance[:, None], distance) % 2).astype(np.uint8)


@pytest.mark.parametrize("draw", [speckled, nested])
def test_time_is_linear_in_pixels(draw: Callable[[int], NDArray[np.uint8]]) -> None:
    """16 times the pixels take 16 times as long, not 256 times. Measured: 13 and 17 times."""

    def seconds(px: int) -> float:
        values = draw(px)
        begin = time.process_time()
        find_parts(values, range(1, 13))
        return time.process_time() - begin

    small, large = (min(seconds(px) for _ in range(3)) for px in (64, 256))
    assert large < 64 * small


@given(masks)
@settings(max_examples=50)
def test_run_lengths_are_those_of_pycocotools(mask: Mask) -> None:
    """The bytes are equal."""
    reference = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert run_lengths(mask).encode() == reference["counts"]


def test_pixels_that_share_a_corner_are_two_parts() -> None:
    """Pixels of a part share a side."""
    assert len(list(components(np.eye(3, dtype=np.bool_)))) == 3


def test_a_hole_is_reached_by_a_line_without_width() -> None:
    """The result is one polygon, as YOLO expects."""
    assert outline(np.ones((2, 3), np.bool_)) == [(3, 0), (3, 2), (0, 2), (0, 0)]
    assert len(outline(RING)) == 6 + 4 + 3
    assert box(RING) == (0, 0, 4, 3)


@pytest.mark.parametrize("runs", [[0, 4], [100_000, 3, 40, 70_000]])
def test_long_runs_have_more_digits(runs: list[int]) -> None:
    """Differences may be negative, or larger than five bits."""
    values = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.bool_).reshape(-1, 1)
    reference = coco.encode(np.asfortranarray(values.astype(np.uint8)))
    assert run_lengths(values).encode() == reference["counts"]
