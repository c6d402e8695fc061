"""The fit's contact sheet: a row per image with the real picture, its reconstruction, its label and the prediction."""

import numpy as np

from workers.images import PALETTE, Pixels, encode_image

GAP_PX = 2
MIN_CELL_PX = 96
COLOURS: Pixels = np.array(PALETTE, dtype=np.uint8).reshape(256, 3)


def encode_sheet(rows: list[list[Pixels]], num_columns: int = 2) -> bytes:
    """Rows of equally large RGB cells as one PNG, `num_columns` rows side by side, small cells enlarged."""
    if not rows:
        raise ValueError("a sheet needs at least one row of cells")
    strips = [_strip(row) for row in rows]
    padded = strips + [np.full_like(strips[0], 255)] * (-len(strips) % num_columns)
    lines = [
        _join(padded[start : start + num_columns], axis=1, gap_px=4 * GAP_PX)
        for start in range(0, len(padded), num_columns)
    ]
    return encode_image(_join(lines, axis=0, gap_px=GAP_PX))


def coloured(indices: Pixels) -> Pixels:
    """Class indices [height, width] in the palette's colours."""
    return COLOURS[indices]


def _strip(cells: list[Pixels]) -> Pixels:
    return _join([_enlarged(cell) for cell in cells], axis=1, gap_px=GAP_PX)


def _enlarged(cell: Pixels) -> Pixels:
    """A whole multiple of the cell's size, so that every pixel stays a square."""
    factor = max(1, -(-MIN_CELL_PX // cell.shape[0]))
    return cell.repeat(factor, axis=0).repeat(factor, axis=1)


def _join(parts: list[Pixels], *, axis: int, gap_px: int) -> Pixels:
    """Parts side by side (axis 1) or one above the other (axis 0), white between them."""
    shape = list(parts[0].shape)
    shape[axis] = gap_px
    gap = np.full(shape, 255, dtype=np.uint8)
    spaced = [piece for part in parts for piece in (gap, part)][1:]
    return np.concatenate(spaced, axis=axis)
