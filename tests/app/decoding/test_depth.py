"""Promises of the depth reader: what is taken, what is refused, and what the refusal says."""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.decoding.depth import read_depth
from app.decoding.parts import Named
from app.decoding.protocol import Suffix
from app.decoding.refusal import Notices, Refused
from contracts.labelsets import DepthRange
from contracts.schemas import DepthSchema
from tests.app.uploading import encode, png

METRES = DepthSchema(unit="m", scale=0.001)


def read(
    tmp_path: Path,
    name: str,
    data: bytes,
    schema: DepthSchema = METRES,
    notices: Notices | None = None,
) -> tuple[bytes, Suffix, DepthRange]:
    """What becomes of a depth map of an image of 3 x 2 pixels."""
    path = tmp_path / "file"
    path.write_bytes(data)
    depth = read_depth(
        Named(name, path), (3, 2), max_pixels=1_000, schema=schema, notices=notices or Notices()
    )
    return depth.data, depth.suffix, depth.known


def deep(*values: int) -> bytes:
    """Six values as a 16-bit PNG."""
    return encode(Image.fromarray(np.array(values, dtype=np.uint16).reshape(2, 3)))


def npy(array: Any) -> bytes:
    """An array as `numpy.save` writes it."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_a_16_bit_png_is_scaled(tmp_path: Path) -> None:
    """A value times the scale is the depth; 0 is unknown unless the schema says otherwise."""
    data, suffix, found = read(tmp_path, "a.png", deep(0, 1_000, 2_500, 65_535, 1_000, 1_000))
    assert suffix == "png"
    assert (found.nearest, found.num_pixels) == (1.0, 5)
    assert found.farthest == pytest.approx(65.535)
    assert np.asarray(Image.open(io.BytesIO(data))).max() == 65_535


def test_every_value_may_be_a_depth(tmp_path: Path) -> None:
    """With `unknown: null`, 0 is the nearest possible."""
    schema = DepthSchema(unit="relative", scale=0.5, unknown=None)
    found = read(tmp_path, "a.png", deep(0, 1, 2, 3, 4, 5), schema)[2]
    assert found == DepthRange(nearest=0.0, farthest=2.5, num_pixels=6)


def test_an_npy_is_kept_as_it_is(tmp_path: Path) -> None:
    """Float32 in the unit itself, NaN where nothing is known."""
    depth = np.array([[1, 2, np.nan], [4, 5, 6]], dtype=np.float32)
    data, suffix, found = read(tmp_path, "a.npy", npy(np.asfortranarray(depth)))
    assert (suffix, found.num_pixels, found.farthest) == ("npy", 5, 6.0)
    np.testing.assert_array_equal(np.load(io.BytesIO(data)), depth)


def forged(shape: tuple[int, int]) -> bytes:
    """An npy whose header promises far more than follows."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.png", png("L", (3, 2), 7), "mode L; 16-bit grey was expected"),
        ("a.png", png("RGB", (3, 2)), "mode RGB; 16-bit grey was expected"),
        ("a.png", encode(Image.new("I;16", (2, 3), 7)), "is 2 x 3, its image"),
        ("a.png", deep(0, 0, 0, 0, 0, 0), "labels nothing"),
        ("a.npy", npy(np.zeros((2, 3))), "type is float64"),
        ("a.npy", npy(np.zeros((2, 3, 1), np.float32)), r"its shape \[2, 3, 1\]"),
        ("a.npy", npy(np.zeros((3, 2), np.float32)), "is 2 x 3, its image"),
        ("a.npy", npy(np.full((2, 3), np.nan, np.float32)), "labels nothing"),
        ("a.npy", npy(np.full((2, 3), np.inf, np.float32)), "finite"),
        ("a.npy", npy(np.full((2, 3), -1, np.float32)), "not negative"),
        ("a.npy", npy(np.full((2, 3), 70, np.float32)), "scale of at least 0.00107"),
        ("a.npy", npy(np.array([[print]], dtype=object)), "type is object"),
        ("a.npy", pickle.dumps(print), "not an array"),
        ("a.npy", b"", "not an array"),
        ("a.npy", forged((2, 3)), "not an array"),
        ("a.npy", forged((2**40, 2**40)), "is 1099511627776 x"),
    ],
)
def test_what_is_no_depth_map_is_refused(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    """Eight bits, other sizes and types, values that are no depths, and anything that would need to be executed."""
    with pytest.raises(Refused, match=said):
        read(tmp_path, name, data)


@pytest.mark.parametrize(
    ("unknown", "nearest", "num_known"), [(0, 0.5, 5), (500, 0.0, 4), (None, 0.0, 6)]
)
def test_an_npy_has_the_same_unknown_value_as_a_png(
    tmp_path: Path, unknown: int | None, nearest: float, num_known: int
) -> None:
    """Where that value occurs it is not known, and the warning says so."""
    schema = DepthSchema(unit="m", scale=0.001, unknown=unknown)
    array = np.array([[0, 0.5, 1], [2, 0.5, 3]], dtype=np.float32)
    notices = Notices()
    data, _, known = read(tmp_path, "a.npy", npy(array), schema, notices)
    assert (known.nearest, known.num_pixels) == (nearest, num_known)
    assert np.isnan(np.load(io.BytesIO(data))).sum() == 6 - num_known
    codes = [] if unknown is None else ["depth_unknown_in_npy"]
    assert [warning.code for warning in notices.warnings] == codes


def test_a_depth_png_is_turned_by_its_own_orientation(tmp_path: Path) -> None:
    """As its image is."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.array([[1, 2], [3, 4], [5, 6]], dtype=np.uint16))
    data, _, _ = read(tmp_path, "a.png", encode(image, exif=exif))
    assert np.asarray(Image.open(io.BytesIO(data))).tolist() == [[5, 3, 1], [6, 4, 2]]


@pytest.mark.parametrize(
    "header", ["[" * 9_000, "{'descr': '<f4', 'shape': (" + "9" * 5_000 + ",)}", "1/0", ""]
)
def test_an_npy_header_that_breaks_its_parser_is_refused(tmp_path: Path, header: str) -> None:
    """Whatever the parser raises, the refusal is about this file."""
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    with pytest.raises(Refused, match="not an array") as refused:
        read(tmp_path, "a.npy", data)
    assert refused.value.file == "a.npy"
