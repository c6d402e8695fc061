"""PNG files are valid for any reader, and contain exactly the written integers."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from workers.codecs import png

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))
PALETTE = bytes(range(256)) * 3


def read(data: bytes) -> tuple[str, NDArray[Any]]:
    """Return mode and integers, after a check of every chunk."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.verify()
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return image.mode, np.asarray(image)


@given(SIDES.flatmap(lambda px: arrays.arrays(np.uint8, (*px, 3))))
@settings(max_examples=50)
def test_color_is_exact(pixels: NDArray[np.uint8]) -> None:
    """At any size, including a width or height of one pixel."""
    mode, decoded = read(png.encode(pixels))
    assert mode == "RGB"
    np.testing.assert_array_equal(decoded, pixels)


@given(SIDES.flatmap(lambda px: arrays.arrays(np.uint16, px)))
@settings(max_examples=50)
def test_sixteen_bits_are_exact(values: NDArray[np.uint16]) -> None:
    """The high byte comes first in the file."""
    mode, decoded = read(png.encode(values))
    assert mode == "I;16"
    np.testing.assert_array_equal(decoded, values)


@given(SIDES.flatmap(lambda px: arrays.arrays(np.uint8, px)))
@settings(max_examples=50)
def test_grey_and_indices_are_exact(values: NDArray[np.uint8]) -> None:
    """With a palette the values are indices, and the file contains the palette."""
    for palette, expected_mode in ((b"", "L"), (PALETTE, "P")):
        data = png.encode(values, palette)
        mode, decoded = read(data)
        assert mode == expected_mode
        np.testing.assert_array_equal(decoded, values)
    with Image.open(io.BytesIO(data)) as image:
        assert bytes(image.getpalette() or ()) == PALETTE


def test_an_array_that_is_not_contiguous_is_exact() -> None:
    """A view of every other column, upside down."""
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)[::-1, ::2]
    np.testing.assert_array_equal(read(png.encode(values))[1], values)


def test_a_large_picture_is_exact() -> None:
    """It exceeds one window of deflate, and its noise cannot be compressed."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read(png.encode(pixels))[1], pixels)


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3), np.int16)]
)
def test_other_arrays_are_refused(values: NDArray[Any]) -> None:
    """The message contains the expected and the given dtype and shape."""
    with pytest.raises(ValueError, match=r"expected uint8 .* got (float64|uint8|int16) \[2, 2"):
        png.encode(values)


def test_the_bytes_do_not_depend_on_threads() -> None:
    """Four threads give the same bytes as one, in any order."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 40, (64, 64, 3), dtype=np.uint8) for _ in range(32)]
    alone = [png.encode(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(png.encode, pictures[::-1]))
    assert together[::-1] == alone


def test_encoding_is_deterministic() -> None:
    """The same array gives the same bytes, whatever was encoded before, so a shard rendered twice has one digest."""
    rng = np.random.default_rng(0)
    picture = np.full((2, 4, 3), 200, np.uint8)
    files = set()
    for _ in range(300):
        png.encode(rng.integers(0, 256, (8, int(rng.integers(1, 5_000))), dtype=np.uint8))
        files.add(png.encode(picture))
    assert len(files) == 1
