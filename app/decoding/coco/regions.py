"""Draws the regions of COCO annotations: polygons, boxes, and run lengths, plain or compressed.

Follows the format's description (cocodataset.org/#format-data): runs go down the columns, the first one is of zeros.
A region is drawn inside its bounding box, and each box is charged to a budget before it is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_MAX_CHARACTERS = 7
"""The limit for one compressed number: 5 bits per character, enough for any image."""
_MAX_COORDINATE = 1e6
"""The limit for polygon coordinates in pixels. Tools draw slightly beyond the image, but not this far."""
_CROSSINGS_AT_ONCE = 2_000_000

Size = tuple[int, int]
S = TypeVar("S", bound=np.generic)


class BudgetExceeded(ValueError):
    """The regions of one file take more pixels than may be drawn."""


class Budget:
    """The pixels that may still be drawn: the regions' boxes, plus the rows that polygon edges cross."""

    def __init__(self, num_pixels: int) -> None:
        self._total = self._left = num_pixels

    def take(self, num_pixels: int) -> None:
        """Charge work before it is done. Raises `BudgetExceeded`."""
        self._left -= num_pixels
        if self._left < 0:
            raise BudgetExceeded(
                f"expected at most {self._total} pixels to draw in all regions of the file, got more"
            )


@dataclass(frozen=True)
class Region:
    """Some pixels of an image: `pixels` (rows, columns) is true inside; its first pixel is at (top, left)."""

    top: int
    left: int
    pixels: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Return the number of its pixels."""
        return int(np.count_nonzero(self.pixels))

    def view_of(self, image: NDArray[S]) -> NDArray[S]:
        """Return the part of an image (rows, columns) inside the region's box, as a view."""
        height, width = self.pixels.shape
        return image[self.top : self.top + height, self.left : self.left + width]


def fill_polygons(polygons: Sequence[Sequence[float]], px: Size, budget: Budget) -> Region:
    """Return the pixels of (height, width) whose center is inside any of the polygons.

    A polygon x0, y0, x1, y1, ... is filled by the even-odd rule. If it is so thin that it contains no center, the
    pixels of its corners are kept, so that thin objects are not erased. Parts outside the image are cut off. Raises
    `ValueError`, or `BudgetExceeded`.
    """
    parts = [_fill(_corners(polygon), px, budget) for polygon in polygons]
    if len(parts) == 1:
        return parts[0]
    top, left = min(part.top for part in parts), min(part.left for part in parts)
    bottom = max(part.top + part.pixels.shape[0] for part in parts)
    right = max(part.left + part.pixels.shape[1] for part in parts)
    # The union is a second box, which costs memory like the parts.
    budget.take((bottom - top) * (right - left))
    whole = Region(top, left, np.zeros((bottom - top, right - left), dtype=np.bool_))
    for part in parts:
        moved = Region(part.top - top, part.left - left, part.pixels)
        moved.view_of(whole.pixels)[part.pixels] = True
    return whole


def fill_box(box: Sequence[float], px: Size, budget: Budget) -> Region:
    """Return every pixel of the image that a box of x, y, width, height touches.

    A negative width goes to the left of x, and a negative height up: a tool kept how the box was drawn.
    """
    x, y, width, height = box
    _check_finite(np.asarray(box))
    x, y, width, height = min(x, x + width), min(y, y + height), abs(width), abs(height)
    if not width or not height:
        return Region(0, 0, np.zeros((0, 0), dtype=np.bool_))
    left, right = np.clip([np.floor(x), np.ceil(x + width)], 0, px[1]).astype(int)
    top, bottom = np.clip([np.floor(y), np.ceil(y + height)], 0, px[0]).astype(int)
    budget.take(int(right - left) * int(bottom - top))
    return Region(int(top), int(left), np.ones((bottom - top, right - left), dtype=np.bool_))


def from_runs(counts: Sequence[int], px: Size, budget: Budget) -> Region:
    """Return the region of alternating runs of zeros and ones, down the columns of (height, width).

    Raises `ValueError` if they do not add up to the image. Each count is compared before the sum, because NumPy's sums
    wrap around.
    """
    height, width = px
    total = height * width
    if any(not 0 <= count <= total for count in counts) or sum(counts) != total:
        raise ValueError(f"expected runs that add up to {width} x {height} pixels, got others")
    budget.take(total)
    values = np.arange(len(counts)) % 2 == 1
    return Region(
        0, 0, np.repeat(values, np.asarray(counts, dtype=np.int64)).reshape(width, height).T
    )


def decompress_runs(text: str) -> list[int]:
    """Decode COCO's compressed run lengths: base 32 starting at '0', lowest digit first, differences from the third on.

    Raises `ValueError` for damaged text.
    """
    counts: list[int] = []
    digits: list[int] = []
    for character in text:
        code = ord(character) - ord("0")
        if not 0 <= code < 64 or len(digits) == _MAX_CHARACTERS:
            raise ValueError("the compressed runs are damaged")
        digits.append(code)
        if not code & 0x20:
            counts.append(_number(digits) + (counts[-2] if len(counts) > 2 else 0))
            digits = []
    if digits:
        raise ValueError("the compressed runs end too early")
    return counts


def _corners(polygon: Sequence[float]) -> NDArray[np.float64]:
    """Return the corners (x, y) of one polygon. Raises `ValueError` for too few or far coordinates."""
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(
            f"expected a polygon of at least 3 corners with 2 numbers each, got {len(polygon)} numbers"
        )
    points = np.asarray(polygon, dtype=np.float64)
    _check_finite(points)
    return points.reshape(-1, 2)


def _check_finite(numbers: NDArray[np.float64]) -> None:
    far = numbers[~(np.abs(numbers) <= _MAX_COORDINATE)]
    if far.size:
        raise ValueError(f"the coordinate {far[0]:g} is far outside the image")


def _fill(points: NDArray[np.float64], px: Size, budget: Budget) -> Region:
    """Fill one polygon by scan lines, inside its bounding box.

    Each edge crosses the center line of a row once, and every crossing flips the pixels to the right of it.
    """
    (left, top), (right, bottom) = (
        # Clipped before the box is allocated: coordinates may be far outside the image.
        np.clip(ends, 0, px[::-1]).astype(int)
        for ends in (np.floor(points.min(axis=0)), np.floor(points.max(axis=0)) + 1)
    )
    height, width = int(bottom - top), int(right - left)
    # One more column for crossings to the right of the box, which flip nothing.
    flips = np.zeros((height, width + 1), dtype=np.uint8)
    budget.take(flips.size)
    local = points - (left, top)
    if height and width:
        _cross(local, flips, budget)
    inside = np.bitwise_xor.accumulate(flips, axis=1)[:, :width].astype(np.bool_)
    if not inside.any():
        _keep_corners(local, inside)
    return Region(int(top), int(left), inside)


def _cross(points: NDArray[np.float64], flips: NDArray[np.uint8], budget: Budget) -> None:
    """Flip the pixel after every crossing of an edge with a row's center line, 2 million crossings at a time."""
    height, width = flips.shape[0], flips.shape[1] - 1
    x0, y0 = points.T
    x1, y1 = np.roll(points, -1, axis=0).T
    # Rows whose center line y = row + 0.5 is in [min(y0, y1), max(y0, y1)).
    low = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, height).astype(np.int64)
    high = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, height).astype(np.int64)
    ends = np.cumsum(high - low)
    budget.take(int(ends[-1]))
    first = 0
    while first < len(points):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _CROSSINGS_AT_ONCE, side="right")))
        num_rows = (high - low)[first:last]
        edge = np.repeat(np.arange(first, last), num_rows)
        start = np.repeat(np.cumsum(num_rows) - num_rows, num_rows)
        rows = np.arange(len(edge)) - start + low[edge]
        # x at the row's center line; the first pixel whose center is right of it is flipped.
        slope = (x1 - x0)[edge] / (y1 - y0)[edge]
        columns = np.ceil(x0[edge] + (rows + 0.5 - y0[edge]) * slope - 0.5)
        columns = np.clip(columns, 0, width).astype(np.int64)
        # `at` applies repeated indices one by one; plain indexing would apply each once.
        np.bitwise_xor.at(flips.reshape(-1), rows * (width + 1) + columns, 1)
        first = last


def _keep_corners(points: NDArray[np.float64], inside: NDArray[np.bool_]) -> None:
    """Mark the pixels of a thin polygon's corners that are inside the image."""
    height, width = inside.shape
    columns, rows = np.floor(points).astype(int).T
    # A corner on the far edge of the image belongs to the last pixel.
    columns, rows = columns - (points[:, 0] == width), rows - (points[:, 1] == height)
    is_near = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    inside[rows[is_near], columns[is_near]] = True


def _number(digits: Sequence[int]) -> int:
    """Return the number of the digits: five bits each, the sign in the highest."""
    value = sum((digit & 0x1F) << (5 * place) for place, digit in enumerate(digits))
    return value - (1 << 5 * len(digits)) if digits[-1] & 0x10 else value
