"""The canvas: planes of supersamples, onto which layers are painted from back to front.

Each pixel of image, mask and depth map has 3 x 3 supersamples. Coordinates are in pixels of the
final image, x to the right and y downwards. Heights point at the viewer, in head radii.
"""

import numpy as np
from numpy.typing import NDArray

from examples.portraits.classes import IMAGE_PX, MATERIAL_PART, Material, Part

Plane = NDArray[np.floating]  # always float32: Python floats do not widen a plane
Where = NDArray[np.bool_]
Box = tuple[slice, slice]

SUPERSAMPLES = 3
SIDE = IMAGE_PX * SUPERSAMPLES
BACKGROUND_HEIGHT = -3.0
NEAREST_HEIGHT = 1.8

_AXIS = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SUPERSAMPLES).astype(np.float32)
_PART_OF = np.array([MATERIAL_PART[material] for material in Material], dtype=np.uint8)
_PIXEL = np.arange(IMAGE_PX * IMAGE_PX, dtype=np.int32).reshape(IMAGE_PX, IMAGE_PX)
_PIXEL_OF = _PIXEL.repeat(SUPERSAMPLES, 0).repeat(SUPERSAMPLES, 1)


def box_around(left: float, top: float, right: float, bottom: float) -> Box:
    """Return the supersamples of a rectangle in pixels, clipped to the canvas."""
    columns = slice(max(int(left * SUPERSAMPLES), 0), min(int(right * SUPERSAMPLES) + 1, SIDE))
    rows = slice(max(int(top * SUPERSAMPLES), 0), min(int(bottom * SUPERSAMPLES) + 1, SIDE))
    return rows, columns


def coordinates(box: Box) -> tuple[Plane, Plane]:
    """Return planes of x (one row) and y (one column) that broadcast over the box."""
    return _AXIS[box[1]][None, :], _AXIS[box[0]][:, None]


class Canvas:
    """Four planes: material, shade (a factor), mix (between a material's two colors), height."""

    def __init__(self) -> None:
        self.material = np.zeros((SIDE, SIDE), np.uint8)
        self.shade = np.ones((SIDE, SIDE), np.float32)
        self.mix = np.zeros((SIDE, SIDE), np.float32)
        self.height = np.full((SIDE, SIDE), BACKGROUND_HEIGHT, np.float32)
        self.lens: Where | None = None

    def paint(
        self,
        box: Box,
        where: Where,
        material: Material,
        *,
        shade: Plane | float,
        mix: Plane | float = 0.0,
        height: Plane | float,
    ) -> None:
        """Cover `where` with a layer. Its height is at least that of the layer it covers."""
        np.copyto(self.material[box], np.uint8(material), where=where)
        if self.lens is not None:
            np.copyto(self.lens[box], False, where=where)
        np.copyto(self.shade[box], np.float32(shade), where=where)
        np.copyto(self.mix[box], np.float32(mix), where=where)
        above = np.maximum(self.height[box], np.float32(height))
        np.copyto(self.height[box], above, where=where)

    def glaze(self, box: Box, where: Where, height: Plane) -> None:
        """Put a lens in front of `where`. The material stays visible; the class becomes glasses."""
        self.lens = np.zeros((SIDE, SIDE), np.bool_)
        self.lens[box] = where
        np.copyto(self.height[box], np.maximum(self.height[box], height), where=where)

    def parts(self) -> NDArray[np.uint8]:
        """Return the class of every supersample. A surface behind a lens counts as glasses."""
        parts = _PART_OF[self.material]
        if self.lens is not None:
            parts[self.lens] = Part.GLASSES
        return parts

    def mask(self) -> NDArray[np.uint8]:
        """Return the majority class of each pixel's supersamples (the lowest index on a tie)."""
        num_classes = len(Part)
        ballots = (_PIXEL_OF * num_classes + self.parts()).ravel()
        votes = np.bincount(ballots, minlength=IMAGE_PX * IMAGE_PX * num_classes)
        winners: NDArray[np.intp] = votes.reshape(IMAGE_PX, IMAGE_PX, num_classes).argmax(axis=2)
        return winners.astype(np.uint8)

    def depth(self) -> NDArray[np.float32]:
        """Return the depth at each pixel's centre: 0 is the nearest possible surface, 1 the background."""
        centre = self.height[SUPERSAMPLES // 2 :: SUPERSAMPLES, SUPERSAMPLES // 2 :: SUPERSAMPLES]
        depth = (NEAREST_HEIGHT - centre) / (NEAREST_HEIGHT - BACKGROUND_HEIGHT)
        clipped: NDArray[np.float32] = np.clip(depth, 0.0, 1.0)
        return clipped


def average(samples: Plane) -> Plane:
    """Average supersamples [3, SIDE, SIDE] => pixels [3, IMAGE_PX, IMAGE_PX]."""
    rows = samples.reshape(3, IMAGE_PX, SUPERSAMPLES, SIDE).sum(axis=2)
    step = SUPERSAMPLES
    total: Plane = rows[:, :, 0::step] + rows[:, :, 1::step] + rows[:, :, 2::step]
    return total / np.float32(step * step)
