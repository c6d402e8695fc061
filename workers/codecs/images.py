"""Pictures to arrays and back, once at each end: PNG and JPEG bytes, and uint8 arrays.

Everything the app stored was decoded and checked there; here it is only read again. Encoding the same array twice
on one processor gives the same bytes.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.batches import ImageFormat
from contracts.schemas import Color
from handsoff_shards.writing import uncertainty_steps
from workers.codecs import png

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 95


def _palette() -> tuple[int, ...]:
    """The PASCAL VOC color of every index: the bits of the index, dealt to red, green and blue from the top."""
    colors = []
    for index in range(256):
        for channel in range(3):
            bits = [(index >> (3 * place + channel)) & 1 for place in range(3)]
            colors.append(sum(bit << (7 - place) for place, bit in enumerate(bits)))
    return tuple(colors)


PALETTE = _palette()


def decode_image(data: bytes) -> Pixels:
    """An RGB image as [height, width, 3]."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def decode_mask(data: bytes) -> Pixels:
    """An index mask as [height, width], palette or grey alike."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image)


def encode_image(pixels: Pixels, image_format: ImageFormat = "png") -> bytes:
    """RGB [height, width, 3] as PNG or JPEG."""
    if image_format == "png":
        return png.encode(pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def encode_mask(indices: Pixels, colors: Sequence[Color] | None = None) -> bytes:
    """Class indices [height, width] as a palette PNG: exact values, and colors in any viewer.

    `colors` are those of the first indices, the classes' own.
    """
    own = tuple(value for color in colors or () for value in color)
    return png.encode(indices, bytes(own + PALETTE[len(own) :]))


def encode_uncertainty(nats: NDArray[np.float32]) -> bytes:
    """Uncertainty [height, width] in nats as a grey PNG, 255 steps per nat."""
    return png.encode(uncertainty_steps(nats))


def resized_image(pixels: Pixels, px: tuple[int, int]) -> Pixels:
    """An image at (height, width), antialiased; unchanged when it has that size."""
    if pixels.shape[:2] == px:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(px[::-1], Image.Resampling.LANCZOS))


def resized_mask(indices: Pixels, px: tuple[int, int]) -> Pixels:
    """A mask at (height, width) by nearest neighbour: no class is ever mixed or invented."""
    if indices.shape == px:
        return indices
    return np.asarray(Image.fromarray(indices).resize(px[::-1], Image.Resampling.NEAREST))
