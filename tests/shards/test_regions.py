"""Regions of masks: parts, outlines and run lengths, each exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco  # type: ignore[import-untyped]  # it has no annotations

from handsoff_shards.regions import Polygon, box, components, outline, run_lengths

Mask = NDArray[np.bool_]
masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9))

RING = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=np.bool_)


def filled(polygon: Polygon, shape: tuple[int, ...]) -> Mask:
    """The pixels whose centres a polygon encloses, by the even-odd rule."""
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
    """Holes and all; the parts together are the mask, and none overlaps another."""
    parts = list(components(mask))
    for part in parts:
        assert np.array_equal(filled(outline(part), mask.shape), part)
    assert np.array_equal(
        sum((part.astype(int) for part in parts), np.zeros(mask.shape, int)), mask
    )


@given(masks)
@settings(max_examples=50)
def test_run_lengths_are_those_of_pycocotools(mask: Mask) -> None:
    """Byte for byte, and decoded to the same mask."""
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert run_lengths(mask).encode() == theirs["counts"]


def test_pixels_that_touch_at_a_corner_are_two_parts() -> None:
    """Neighbours share a side."""
    assert len(list(components(np.eye(3, dtype=np.bool_)))) == 3


def test_a_hole_is_reached_by_a_line_without_width() -> None:
    """One polygon, as YOLO wants it."""
    assert outline(np.ones((2, 3), np.bool_)) == [(3, 0), (3, 2), (0, 2), (0, 0)]
    assert len(outline(RING)) == 6 + 4 + 3
    assert box(RING) == (0, 0, 4, 3)


@pytest.mark.parametrize("runs", [[0, 4], [100_000, 3, 40, 70_000]])
def test_long_runs_take_more_digits(runs: list[int]) -> None:
    """Differences may be negative, and larger than five bits."""
    values = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.bool_).reshape(-1, 1)
    theirs = coco.encode(np.asfortranarray(values.astype(np.uint8)))
    assert run_lengths(values).encode() == theirs["counts"]
