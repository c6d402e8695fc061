"""Pictures to arrays and back: PNG and JPEG bytes, and uint8 arrays.

The app has decoded and checked every stored picture, so there are no checks here. Encoding the same array twice on one
processor gives the same bytes.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.recipes.recipe import ImageFormat
from handsoff_shards.writing import uncertainty_steps
from workers.codecs import png

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 95


def _palette() -> tuple[int, ...]:
    """Return the PASCAL VOC color of every index: its bits go to red, green and blue in turn, highest bit first."""
    colors = []
    for index in range(256):
        for channel in range(3):
            bits = [(index >> (3 * position + channel)) & 1 for position in range(3)]
            colors.append(sum(bit << (7 - position) for position, bit in enumerate(bits)))
    return tuple(colors)


PALETTE = _palette()


def decode_image(data: bytes) -> Pixels:
    """Return an RGB image as [height, width, 3]."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def encode_image(pixels: Pixels, image_format: ImageFormat = "png", xmp: bytes = b"") -> bytes:
    """Return RGB [height, width, 3] as PNG or JPEG, with an XMP packet if one is given. Pixels do not depend on it."""
    if image_format == "png":
        return png.encode(pixels, xmp=xmp)
    buffer = io.BytesIO()
    options = {"xmp": xmp} if xmp else {}
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, **options)
    return buffer.getvalue()


def encode_uncertainty(nats: NDArray[np.float32]) -> bytes:
    """Return uncertainty [height, width] in nats as a gray PNG, 255 steps per nat."""
    return png.encode(uncertainty_steps(nats))


def resized_image(pixels: Pixels, px: tuple[int, int]) -> Pixels:
    """Return an image at (height, width), antialiased; the same array if it has that size."""
    if pixels.shape[:2] == px:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(px[::-1], Image.Resampling.LANCZOS))
