"""The regions of COCO annotations as masks: polygons, and run lengths, plain or compressed.

Written from the format's description (cocodataset.org/#format-data): runs go down the columns, the first is of zeros.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Region = NDArray[np.bool_]

_MAX_CHARACTERS = 7
"""Of one compressed number: 5 bits each, enough for any picture."""


def fill_polygon(corners: Sequence[float], px: tuple[int, int]) -> Region:
    """The pixels of (height, width) whose centre lies inside a polygon x0, y0, x1, y1, ... (even-odd rule).

    One so thin that it holds no centre keeps the pixels of its corners: no thin thing is ever erased.
    """
    height, width = px
    points = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    crossings = np.zeros((height, width + 1), dtype=np.uint8)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        low, high = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
        rows = np.arange(low, high)
        if len(rows) > 0:
            x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            columns = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
            crossings[rows, columns] ^= 1  # an edge crosses each row once
    inside = np.bitwise_xor.accumulate(crossings, axis=1)[:, :width].astype(bool)
    if not inside.any():
        columns, rows = np.floor(points).astype(int).T
        inside[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] = True
    return inside


def from_runs(counts: Sequence[int], px: tuple[int, int]) -> Region:
    """Runs of zeros and ones in turn, down the columns of (height, width). `ValueError` if they do not add up."""
    height, width = px
    runs = np.asarray(counts, dtype=np.int64)
    if (runs < 0).any() or int(runs.sum()) != height * width:
        raise ValueError(f"its runs add up to {int(runs.sum())}, not to {width} x {height} pixels")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def decompress_runs(text: str) -> list[int]:
    """COCO's compressed run lengths: base 32 from '0' on, lowest digit first, differences from the third on.

    Raises `ValueError` for anything else.
    """
    counts: list[int] = []
    digits: list[int] = []
    for character in text:
        code = ord(character) - ord("0")
        if not 0 <= code < 64 or len(digits) == _MAX_CHARACTERS:
            raise ValueError("its compressed runs are damaged")
        digits.append(code)
        if not code & 0x20:
            counts.append(_number(digits) + (counts[-2] if len(counts) > 2 else 0))
            digits = []
    if digits:
        raise ValueError("its compressed runs end too early")
    return counts


def _number(digits: Sequence[int]) -> int:
    """Five bits of each digit, sign in the highest."""
    value = sum((digit & 0x1F) << (5 * place) for place, digit in enumerate(digits))
    return value - (1 << 5 * len(digits)) if digits[-1] & 0x10 else value
