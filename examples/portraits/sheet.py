"""A sheet of portraits in rows. Below each row are the same portraits with their masks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.portraits.classes import CLASS_COLORS
from examples.portraits.render import Rendering


def overlay(rendering: Rendering) -> NDArray[np.uint8]:
    """Blend the image with the colors of its classes in equal parts, uint8 [64, 64, 3]."""
    colors = np.array(CLASS_COLORS, np.uint16)[rendering.mask]
    return ((colors + rendering.image) // 2).astype(np.uint8)


def draw_sheet(renderings: Sequence[Rendering], *, columns: int, zoom: int) -> Image.Image:
    """Draw all renderings, `columns` per row, with each pixel enlarged to `zoom` x `zoom` pixels."""
    strips = []
    for start in range(0, len(renderings), columns):
        row = renderings[start : start + columns]
        strips.append(_strip([rendering.image for rendering in row], columns))
        strips.append(_strip([overlay(rendering) for rendering in row], columns))
    sheet = np.concatenate(strips)
    return Image.fromarray(sheet.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _strip(tiles: list[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    blank = np.full_like(tiles[0], 255)
    return np.concatenate(tiles + [blank] * (columns - len(tiles)), axis=1)
