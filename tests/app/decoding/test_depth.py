"""Tests of the depth reader: accepted and refused files, and the messages."""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.decoding.depth import read_depth
from app.decoding.protocol import SpooledFile, Suffix
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
    """Read a depth map of an image of 3 x 2 pixels."""
    path = tmp_path / "file"
    path.write_bytes(data)
    depth = read_depth(
        SpooledFile(name=name, path=path),
        (3, 2),
        max_pixels=1_000,
        schema=schema,
        notices=notices or Notices(),
    )
    return depth.data, depth.suffix, depth.depths


def png16(*values: int) -> bytes:
    """Return six values as a 16-bit PNG."""
    return encode(Image.fromarray(np.array(values, dtype=np.uint16).reshape(2, 3)))


def npy(array: Any) -> bytes:
    """Return an array as `numpy.save` writes it."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_a_16_bit_png_is_scaled(tmp_path: Path) -> None:
    """The depth is the value times the scale; 0 is unknown by default."""
    data, suffix, depths = read(tmp_path, "a.png", png16(0, 1_000, 2_500, 65_535, 1_000, 1_000))
    assert suffix == "png"
    assert (depths.nearest, depths.num_pixels) == (1.0, 5)
    assert depths.farthest == pytest.approx(65.535)
    assert np.asarray(Image.open(io.BytesIO(data))).max() == 65_535


def test_without_unknown_every_value_is_a_depth(tmp_path: Path) -> None:
    """With `unknown: null`, 0 is a depth."""
    schema = DepthSchema(unit="relative", scale=0.5, unknown=None)
    depths = read(tmp_path, "a.png", png16(0, 1, 2, 3, 4, 5), schema)[2]
    assert depths == DepthRange(nearest=0.0, farthest=2.5, num_pixels=6)


def test_an_npy_is_stored_unchanged(tmp_path: Path) -> None:
    """It has float32 in the schema's unit, and NaN for unknown depth."""
    depth = np.array([[1, 2, np.nan], [4, 5, 6]], dtype=np.float32)
    data, suffix, depths = read(tmp_path, "a.npy", npy(np.asfortranarray(depth)))
    assert (suffix, depths.num_pixels, depths.farthest) == ("npy", 5, 6.0)
    np.testing.assert_array_equal(np.load(io.BytesIO(data)), depth)


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (1, 2, 3)])
def test_any_floats_are_stored_as_float32(
    tmp_path: Path, kind: str, shape: tuple[int, ...]
) -> None:
    """NumPy's own default is float64, and networks add an axis for the channel or the batch."""
    depth = np.array([1, 2, np.nan, 4, 5, 6.5]).reshape(shape).astype(kind)
    data, _, depths = read(tmp_path, "a.npy", npy(depth))
    stored = np.load(io.BytesIO(data))
    assert (stored.dtype, depths.num_pixels) == (np.float32, 5)
    np.testing.assert_array_equal(stored, depth.reshape(2, 3))


def forged(shape: tuple[int, int]) -> bytes:
    """Return an npy whose header declares more data than follows."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.png", png("L", (3, 2), 7), "16-bit grey depth map, got mode L"),
        ("a.png", png("RGB", (3, 2)), "16-bit grey depth map, got mode RGB"),
        (
            "a.png",
            encode(Image.new("I;16", (2, 3), 7)),
            "3 x 2 pixels, like the upright image, got 2 x 3",
        ),
        ("a.png", png16(0, 0, 0, 0, 0, 0), "pixel with a depth, got none"),
        ("a.npy", npy(np.ones((2, 3), np.uint16)), "type is uint16 .* with depths in m"),
        ("a.npy", npy(np.ones((2, 3), np.bool_)), "type is bool"),
        ("a.npy", npy(np.ones((2, 3), np.complex64)), "type is complex64"),
        ("a.npy", npy(np.ones((2, 3, 2), np.float32)), r"its shape \[2, 3, 2\]"),
        ("a.npy", npy(np.ones((6,), np.float32)), r"its shape \[6\]"),
        ("a.npy", npy(np.full((2, 3), 1e200)), "finite"),
        ("a.npy", npy(np.zeros((3, 2), np.float32)), "got 2 x 3"),
        ("a.npy", npy(np.full((2, 3), np.nan, np.float32)), "pixel with a depth, got none"),
        ("a.npy", npy(np.full((2, 3), np.inf, np.float32)), "finite"),
        ("a.npy", npy(np.full((2, 3), -1, np.float32)), "not negative"),
        ("a.npy", npy(np.full((2, 3), 70, np.float32)), "scale of at least 0.00107"),
        ("a.npy", npy(np.array([[print]], dtype=object)), "type is object"),
        ("a.npy", pickle.dumps(print), "Expected an array of floats"),
        ("a.npy", b"", "Expected an array of floats"),
        ("a.npy", forged((2, 3)), "Expected an array of floats"),
        ("a.npy", forged((2**40, 2**40)), "got 1099511627776 x"),
    ],
)
def test_an_invalid_depth_map_is_refused(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    """Refused are 8 bits, other sizes and types, invalid depths, and pickled objects."""
    with pytest.raises(Refused, match=message):
        read(tmp_path, name, data)


@pytest.mark.parametrize(
    ("unknown", "nearest", "num_known"), [(0, 0.5, 5), (500, 0.0, 4), (None, 0.0, 6)]
)
def test_the_unknown_value_applies_to_npy_too(
    tmp_path: Path, unknown: int | None, nearest: float, num_known: int
) -> None:
    """Pixels with that value become NaN, with a warning."""
    schema = DepthSchema(unit="m", scale=0.001, unknown=unknown)
    array = np.array([[0, 0.5, 1], [2, 0.5, 3]], dtype=np.float32)
    notices = Notices()
    data, _, depths = read(tmp_path, "a.npy", npy(array), schema, notices)
    assert (depths.nearest, depths.num_pixels) == (nearest, num_known)
    assert np.isnan(np.load(io.BytesIO(data))).sum() == 6 - num_known
    codes = [] if unknown is None else ["depth_unknown_in_npy"]
    assert [warning.code for warning in notices.warnings] == codes


def test_the_orientation_of_a_depth_png_is_applied(tmp_path: Path) -> None:
    """Its EXIF orientation is applied like that of an image."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.array([[1, 2], [3, 4], [5, 6]], dtype=np.uint16))
    data, _, _ = read(tmp_path, "a.png", encode(image, exif=exif))
    assert np.asarray(Image.open(io.BytesIO(data))).tolist() == [[5, 3, 1], [6, 4, 2]]


@pytest.mark.parametrize(
    "header", ["[" * 9_000, "{'descr': '<f4', 'shape': (" + "9" * 5_000 + ",)}", "1/0", ""]
)
def test_an_npy_header_that_breaks_the_parser_is_refused(tmp_path: Path, header: str) -> None:
    """Any exception of the parser becomes a refusal of this file."""
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    with pytest.raises(Refused, match="Expected an array of floats") as refused:
        read(tmp_path, "a.npy", data)
    assert refused.value.file == "a.npy"
