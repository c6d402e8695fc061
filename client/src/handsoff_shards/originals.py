"""A labelled real image and its original: the part that was labelled, and labels on the grid of the original.

Shards of a labeling hold images and labels at the size of the generator. The `original` in a sample's `json` says
which part of which file they show; the functions here map labels back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.errors import InvalidInput


@dataclass(frozen=True)
class Original:
    """The file of a labelled image: its name in the upload, its size upright, and the labelled part in its pixels.

    `box` is left, top, right, bottom. It may be larger than the image, which was then padded.
    """

    name: str
    width: int
    height: int
    box: tuple[float, float, float, float]

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Self | None:
        """Return the original in the facts of a sample; None for a generated one. Raises `InvalidInput`."""
        stored = facts.get("original")
        if stored is None:
            return None
        try:
            left, top, right, bottom = map(float, stored["box"])
            size = int(stored["width"]), int(stored["height"])
            name = str(stored["name"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"Expected name, width, height and box of an original, got {stored!r:.200}."
            ) from error
        if right <= left or bottom <= top or min(size) < 1:
            raise InvalidInput(f"Expected an original with an area, got {stored!r:.200}.")
        return cls(name, *size, (left, top, right, bottom))

    def json(self) -> dict[str, Any]:
        """Return the original as the facts of a sample hold it."""
        box = [round(edge, 4) for edge in self.box]
        return {"name": self.name, "width": self.width, "height": self.height, "box": box}


def on_original(pixels: NDArray[Any], original: Original, outside: float) -> NDArray[Any]:
    """Return a label [h, w, ...] on the grid of its original, [height, width, ...], by the nearest pixel.

    Pixels of the original that were not labelled get the value `outside`: 255 for a mask, the value for unknown for a
    depth map.
    """
    left, top, right, bottom = original.box
    rows = _nearest(original.height, top, bottom, pixels.shape[0])
    columns = _nearest(original.width, left, right, pixels.shape[1])
    result = np.full((original.height, original.width, *pixels.shape[2:]), outside, pixels.dtype)
    inside_rows, inside_columns = rows >= 0, columns >= 0
    part = pixels[rows[inside_rows]][:, columns[inside_columns]]
    result[np.ix_(inside_rows, inside_columns)] = part
    return result


def points_on_original(
    points: NDArray[np.float32], original: Original, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return keypoints [num, 3] in pixels of the original. `size` is (width, height) of the label.

    A point in the padding gets visibility 0.
    """
    left, top, right, bottom = original.box
    moved = points.copy()
    moved[:, 0] = left + points[:, 0] * (right - left) / size[0]
    moved[:, 1] = top + points[:, 1] * (bottom - top) / size[1]
    sides = np.array([original.width, original.height], np.float32)
    inside = ((moved[:, :2] >= 0) & (moved[:, :2] < sides)).all(axis=1)
    moved[:, 2] *= inside
    return moved


def _nearest(side: int, first: float, last: float, num_pixels: int) -> NDArray[np.int64]:
    """Return the pixel of the label under the center of each pixel of the original; -1 outside the label."""
    centers = np.arange(side) + 0.5
    places: NDArray[np.int64] = np.floor((centers - first) / (last - first) * num_pixels).astype(
        np.int64
    )
    places[(places < 0) | (places >= num_pixels)] = -1
    return places
