"""Decode the run lengths of Label Studio's brush: the bit stream of @thi.ng/rle-pack, a list of bytes.

32 bits: number of words. 5 bits: word size - 1. Four times 4 bits: size of a count - 1. Then groups until all words are
there: 1 bit (1: one word repeated, 0: different words), 2 bits (which of the four sizes), the count - 1, the words.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.errors import InvalidInput

_DAMAGED = "the run lengths of the brush are damaged ({}). Export the file again."
CHANNELS = 4
"""A brush is an RGBA image; its last channel says which pixels are painted."""


class _Bits:
    """A stream of bits, highest bit of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes().translate(_DIGITS)
        self._place = 0

    def read(self, count: int) -> int:
        end = self._place + count
        if end > len(self._bits):
            raise InvalidInput(_DAMAGED.format("they end too early"))
        value = int(self._bits[self._place : end], 2)
        self._place = end
        return value


_DIGITS = bytes([ord("0"), ord("1"), *range(2, 256)])
"""Turns the bytes 0 and 1 into the digits that `int` reads."""


def decode(rle: Sequence[int], expected: int) -> NDArray[np.uint32]:
    """Return the words. Raises `InvalidInput` if they are not `expected` ones, before it reserves memory for them."""
    try:
        bits = _Bits(bytes(rle))
    except (TypeError, ValueError) as error:
        raise InvalidInput(_DAMAGED.format("expected bytes from 0 to 255")) from error
    total = bits.read(32)
    if total != expected:
        raise InvalidInput(_DAMAGED.format(f"expected {expected} values, got {total}"))
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    words = np.zeros(total, np.uint32)
    start = 0
    while start < total:
        is_run = bits.read(1)
        end = start + 1 + bits.read(sizes[bits.read(2)])
        if end > total:
            raise InvalidInput(_DAMAGED.format("a run is longer than the image"))
        words[start:end] = (
            bits.read(word) if is_run else [bits.read(word) for _ in range(start, end)]
        )
        start = end
    return words


def painted(rle: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the painted pixels [height, width] of a brush on an image of `size` (width, height)."""
    width, height = size
    words = decode(rle, width * height * CHANNELS)
    return words.reshape(height, width, CHANNELS)[:, :, CHANNELS - 1] > 0
