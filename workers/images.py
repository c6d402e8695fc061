"""Pictures to arrays and back, once at each end: PNG and JPEG bytes, and uint8 arrays.

Everything the app stored was decoded and checked there; here it is only read again. Encoding the same array twice
gives the same bytes.
"""

import io
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.batches import ImageFormat
from contracts.schemas import Colour

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 95
PNG_OPTIONS = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Runs instead of zlib's search: at 1024 px a third of the time of Pillow's own level 6, a sample 1% larger."""
UNCERTAINTY_STEPS_PER_NAT = 255
"""`.uncertainty.png` holds round(255 x nats), cut off at one nat: more is as good as unknown."""


def _palette() -> tuple[int, ...]:
    """The PASCAL VOC colour of every index: the bits of the index, dealt to red, green and blue from the top."""
    colours = []
    for index in range(256):
        for channel in range(3):
            bits = [(index >> (3 * place + channel)) & 1 for place in range(3)]
            colours.append(sum(bit << (7 - place) for place, bit in enumerate(bits)))
    return tuple(colours)


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
    image = Image.fromarray(pixels)
    if image_format == "png":
        return encode_png(image)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def encode_mask(indices: Pixels, colours: Sequence[Colour] | None = None) -> bytes:
    """Class indices [height, width] as a palette PNG: exact values, and colours in any viewer.

    `colours` are those of the first indices, the classes' own.
    """
    own = tuple(value for colour in colours or () for value in colour)
    image = Image.fromarray(indices).convert("L")
    image.putpalette(own + PALETTE[len(own) :])
    return encode_png(image)


def encode_uncertainty(nats: NDArray[np.float32]) -> bytes:
    """Uncertainty [height, width] in nats as a grey PNG, 255 steps to the nat."""
    steps = np.rint(np.clip(nats, 0.0, 1.0) * UNCERTAINTY_STEPS_PER_NAT)
    return encode_png(Image.fromarray(steps.astype(np.uint8)))


def encode_png(image: Image.Image) -> bytes:
    """Any image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **PNG_OPTIONS)
    return buffer.getvalue()


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
