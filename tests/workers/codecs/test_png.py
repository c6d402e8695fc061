"""PNG files that any reader takes, with the integers that were written."""

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
    """Mode and integers, checked to the last chunk."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.verify()
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return image.mode, np.asarray(image)


@given(SIDES.flatmap(lambda px: arrays.arrays(np.uint8, (*px, 3))))
@settings(max_examples=50)
def test_color_is_exact(pixels: NDArray[np.uint8]) -> None:
    """At any size, one pixel wide or high too."""
    mode, found = read(png.encode(pixels))
    assert mode == "RGB"
    np.testing.assert_array_equal(found, pixels)


@given(SIDES.flatmap(lambda px: arrays.arrays(np.uint16, px)))
@settings(max_examples=50)
def test_sixteen_bits_are_exact(values: NDArray[np.uint16]) -> None:
    """The high byte comes first in the file."""
    mode, found = read(png.encode(values))
    assert mode == "I;16"
    np.testing.assert_array_equal(found, values)


@given(SIDES.flatmap(lambda px: arrays.arrays(np.uint8, px)))
@settings(max_examples=50)
def test_grey_and_indices_are_exact(values: NDArray[np.uint8]) -> None:
    """With a palette they are indices, and the palette is the one that was given."""
    for palette, wanted in ((b"", "L"), (PALETTE, "P")):
        data = png.encode(values, palette)
        mode, found = read(data)
        assert mode == wanted
        np.testing.assert_array_equal(found, values)
    with Image.open(io.BytesIO(data)) as image:
        assert bytes(image.getpalette() or ()) == PALETTE


def test_an_array_that_is_not_contiguous_is_exact() -> None:
    """A view of every other column, upside down."""
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)[::-1, ::2]
    np.testing.assert_array_equal(read(png.encode(values))[1], values)


def test_a_large_picture_is_exact() -> None:
    """More than one window of deflate, and noise that cannot be compressed."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read(png.encode(pixels))[1], pixels)


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3), np.int16)]
)
def test_what_is_no_picture_is_refused(values: NDArray[Any]) -> None:
    """With what was expected and what was given."""
    with pytest.raises(ValueError, match=r"expected uint8 .* got (float64|uint8|int16) \[2, 2"):
        png.encode(values)


def test_threads_leave_no_trace() -> None:
    """The same pictures give the same bytes on four threads at once, in any order."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 40, (64, 64, 3), dtype=np.uint8) for _ in range(32)]
    alone = [png.encode(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(png.encode, pictures[::-1]))
    assert together[::-1] == alone


def test_a_picture_has_one_file() -> None:
    """The same array gives the same bytes, whatever the process did before: a shard rendered twice has one digest."""
    rng = np.random.default_rng(0)
    picture = np.full((2, 4, 3), 200, np.uint8)
    files = set()
    for _ in range(300):
        png.encode(rng.integers(0, 256, (8, int(rng.integers(1, 5_000))), dtype=np.uint8))
        files.add(png.encode(picture))
    assert len(files) == 1
