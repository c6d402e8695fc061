"""Where a label lies in its original image: the part of a real image that is labelled, at the generator's size.

An image with the generator's aspect ratio is resized, as a fit resizes its own. Any other image is cropped or padded
around its center. A fit's framing then takes a part of that. No torch: the decoding child imports this file.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from contracts.generators.training import ImageFit
from contracts.labelings import PixelBox
from workers.training.images.reading import Pixels

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Placed:
    """An image at the generator's size, and the part of the original that it shows, in pixels of the original.

    `size` is (width, height) of the upright original.
    """

    pixels: Pixels
    box: Box
    size: tuple[int, int]


def place(image: Image.Image, px: tuple[int, int], aspect: ImageFit) -> Placed:
    """Return an upright RGB image at `px` (height, width), cropped or padded around its center if it must be."""
    if has_aspect(image.size, px):
        box = (0.0, 0.0, float(image.width), float(image.height))
        return _cropped(image, px, box)
    return _cropped(image, px, _center(image, px)) if aspect == "crop" else _padded(image, px)


def _center(image: Image.Image, px: tuple[int, int]) -> Box:
    """Return the largest part with the aspect ratio of `px`."""
    scale = max(px[0] / image.height, px[1] / image.width)
    left = max((image.width - px[1] / scale) / 2, 0.0)
    top = max((image.height - px[0] / scale) / 2, 0.0)
    return left, top, image.width - left, image.height - top


def _cropped(image: Image.Image, px: tuple[int, int], box: Box) -> Placed:
    size = px[::-1]
    is_whole = image.size == size and box == (0, 0, *size)
    part = image if is_whole else image.resize(size, Image.Resampling.LANCZOS, box=box)
    return Placed(np.asarray(part), box, image.size)


def _padded(image: Image.Image, px: tuple[int, int]) -> Placed:
    """Scale the image to fit inside and repeat its edge."""
    scale = min(px[0] / image.height, px[1] / image.width)
    width, height = (max(round(side * scale), 1) for side in image.size)
    missing = (px[0] - height, px[1] - width)
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in missing)
    inner = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    pixels = np.pad(inner, [(top, bottom), (left, right), (0, 0)], mode="edge")
    # pixels of the original per pixel of the label
    across, down = image.width / width, image.height / height
    box = (-left * across, -top * down, (width + right) * across, (height + bottom) * down)
    return Placed(pixels, box, image.size)


def has_aspect(size: tuple[int, int], px: tuple[int, int]) -> bool:
    """Return whether an image of `size` (width, height) has the aspect ratio of `px` within a pixel."""
    return abs(size[0] * px[0] - size[1] * px[1]) <= max(px)


def part_of(box: Box, part: Box) -> PixelBox:
    """Return a part of a box. `part` is in shares of the box; beyond 0 to 1 it lies outside."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return PixelBox(
        left=left + part[0] * width,
        top=top + part[1] * height,
        right=left + part[2] * width,
        bottom=top + part[3] * height,
    )
