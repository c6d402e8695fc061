"""Draw regions: polygons, boxes, ellipses and run lengths become pixels, and pixels become a mask of class indices.

A pixel is inside a polygon if its center is, by the even-odd rule, as in the service. A polygon without any center
covers the pixels of its corners. Parts outside the image are cut off.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handsoff_client.converters.conversion import IGNORE_INDEX, Mask, Notes, Size
from handsoff_shards.errors import InvalidInput

Corners = NDArray[np.float64]
"""[corner, 2]: x and y in continuous pixels."""
MAX_COORDINATE = 1e7
ELLIPSE_CORNERS = 720
_ROUNDING_PX = 1
"""Tools round corners: so far outside the image nothing was cut off."""


@dataclass(frozen=True)
class Region:
    """Pixels inside a box of the image, from the row `top` and the column `left`.

    `is_cut` says that a part of the object is outside the image.
    """

    top: int
    left: int
    pixels: NDArray[np.bool_]
    is_cut: bool = False

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.pixels))


def fill(polygons: Sequence[Corners], size: Size) -> Region:
    """Return the union of polygons. Each one may have holes by lines that lead to them and back (even-odd rule).

    Raises `InvalidInput` for fewer than 3 corners and for coordinates that are no plain numbers.
    """
    parts = [_fill_one(corners, size) for corners in polygons]
    if len(parts) == 1:
        return parts[0]
    whole = np.zeros(size[::-1], np.bool_)
    for part in parts:
        _view(whole, part)[part.pixels] = True
    return Region(0, 0, whole, any(part.is_cut for part in parts))


def box_corners(left: float, top: float, right: float, bottom: float) -> Corners:
    """Return the corners of a box."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse_corners(center: tuple[float, float], radii: tuple[float, float]) -> Corners:
    """Return an ellipse as a polygon of many corners."""
    angles = np.linspace(0, 2 * math.pi, ELLIPSE_CORNERS, endpoint=False)
    corners: Corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii + center
    return corners


def rotated(corners: Corners, degrees: float, center: tuple[float, float]) -> Corners:
    """Return corners rotated clockwise on the screen, where y goes down."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    moved: Corners = (corners - center) @ turn + center
    return moved


def from_rows(counts: Sequence[int], size: Size) -> NDArray[np.bool_]:
    """Return alternating runs of zeros and ones, row by row, as pixels. Raises `InvalidInput` for another sum."""
    width, height = size
    if any(count < 0 for count in counts) or sum(counts) != width * height:
        raise InvalidInput(
            f"expected runs that add up to {width} x {height} pixels, got {sum(counts)}. Export the file again."
        )
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)


def mask_of(layers: Iterable[tuple[int, Region]], size: Size, notes: Notes, place: str) -> Mask:
    """Draw layers of class indices in order: a later one covers the earlier ones.

    Notes name the image `place` if objects of different classes overlap, or parts of objects are outside the image.
    """
    mask = np.zeros(size[::-1], np.uint8)
    for index, region in layers:
        view = _view(mask, region)
        covered = view[region.pixels]
        if np.isin(covered, (0, index, IGNORE_INDEX), invert=True).any():
            notes.add(
                "objects of different classes overlap; the pixels belong to the one in front", place
            )
        if region.is_cut and covered.size:
            notes.add("parts of objects outside the image are cut off", place)
        view[region.pixels] = index
    return mask


def smaller_on_top(layers: Iterable[tuple[int, Region]]) -> list[tuple[int, Region]]:
    """Return layers with the largest first: the rule for tools that do not say which object is in front."""
    return sorted(layers, key=lambda layer: -layer[1].area)


def corners_of(numbers: Sequence[float]) -> Corners:
    """Return x, y, x, y, ... as corners. Raises `InvalidInput` for an odd number or fewer than 3 corners."""
    if len(numbers) < 6 or len(numbers) % 2:
        raise InvalidInput(
            f"expected a polygon of at least 3 corners with 2 numbers each, got {len(numbers)} numbers. Correct it."
        )
    return np.asarray(numbers, np.float64).reshape(-1, 2)


def _view(mask: NDArray[np.generic], region: Region) -> NDArray[np.generic]:
    height, width = region.pixels.shape
    return mask[region.top : region.top + height, region.left : region.left + width]


def _fill_one(corners: Corners, size: Size) -> Region:
    """Fill one polygon inside its box.

    Each crossing of an edge with the center line of a row flips the pixels right of it.
    """
    if len(corners) < 3:
        raise InvalidInput(
            f"expected a polygon of at least 3 corners, got {len(corners)}. Correct it."
        )
    if not (np.abs(corners) <= MAX_COORDINATE).all():
        raise InvalidInput("expected plain coordinates in pixels, got one far outside. Correct it.")
    low = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.floor(corners.max(axis=0)) + 1, 0, size).astype(int)
    width, height = (high - low).tolist()
    local = corners - low
    flips = np.zeros((height, width + 1), np.bool_)
    for (x0, y0), (x1, y1) in zip(local, np.roll(local, -1, axis=0), strict=True):
        first, last = (max(0, math.ceil(y - 0.5)) for y in sorted((y0, y1)))
        rows = np.arange(first, min(last, height))
        if rows.size:
            cross = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            columns = np.clip(np.ceil(cross - 0.5), 0, width).astype(int)
            flips[rows, columns] ^= True
    inside = np.logical_xor.accumulate(flips, axis=1)[:, :width]
    if not inside.any():
        _keep_corners(local, inside)
    is_cut = bool((corners < -_ROUNDING_PX).any() or (corners > np.add(size, _ROUNDING_PX)).any())
    return Region(int(low[1]), int(low[0]), inside, is_cut)


def _keep_corners(local: Corners, inside: NDArray[np.bool_]) -> None:
    """Mark the pixels of a thin polygon's corners, so that it does not vanish."""
    height, width = inside.shape
    columns, rows = np.floor(local).astype(int).T
    columns, rows = columns - (local[:, 0] == width), rows - (local[:, 1] == height)
    near = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    inside[rows[near], columns[near]] = True
