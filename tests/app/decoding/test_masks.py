"""Promises of the mask reader: what is taken, what is refused, and what the refusal says."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.decoding.masks import count_classes, read_mask
from app.decoding.protocol import UploadSchema
from app.decoding.refusal import Notices, Refused
from tests.app.uploading import encode, png

MAX_PIXELS = 1_000
UPLOAD = UploadSchema(classes=("background", "skin"))
COLOURED = UploadSchema(
    classes=("background", "skin"),
    colors=((0, 0, 0), (255, 205, 148)),
    ignore_color=(224, 224, 192),
)


def read(path: Path, upload: UploadSchema) -> Image.Image:
    """The mask as it is read."""
    return read_mask(path, "a", MAX_PIXELS, upload, Notices()).image


def grey_png(bits: int, width: int, row: bytes, color_type: int = 0) -> bytes:
    """A PNG of one row of packed samples, as Pillow does not write them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, 1, bits, color_type, 0, 0, 0)
    pixels = zlib.compress(b"\0" + row)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file under test lies."""
    return tmp_path / "file"


@pytest.mark.parametrize(("mode", "value", "expected"), [("L", 2, 2), ("P", 2, 2), ("1", 1, 1)])
def test_a_mask_gives_its_indices(path: Path, mode: str, value: Any, expected: int) -> None:
    """A palette's index, a grey value or a bit is the class, whatever its color."""
    mask = Image.new(mode, (2, 1), value)
    if mode == "P":
        mask.putpalette([200, 0, 0, 0, 200, 0, 7, 7, 7])
    path.write_bytes(encode(mask))
    found = read(path, UPLOAD)
    assert (found.mode, set(found.tobytes())) == ("L", {expected})


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_samples_of_every_depth_are_class_indices(path: Path, bits: int) -> None:
    """0 and 1 are classes 0 and 1, however many bits a sample has."""
    samples = f"{0:0{bits}b}{1:0{bits}b}"
    row = int(samples.ljust(-(-len(samples) // 8) * 8, "0"), 2).to_bytes(-(-len(samples) // 8))
    path.write_bytes(grey_png(bits, 2, row))
    assert list(read(path, UPLOAD).tobytes()) == [0, 1]


def test_a_grey_value_beyond_8_bits_is_refused(path: Path) -> None:
    """It is not cut to its lower half."""
    path.write_bytes(grey_png(16, 2, b"\0\1\1\0"))
    with pytest.raises(Refused, match="value 256; class indices go to 254"):
        read(path, UPLOAD)


def test_16_bits_beside_an_alpha_channel_are_refused(path: Path) -> None:
    """Pillow keeps the upper half of each sample, which makes every index 0."""
    path.write_bytes(grey_png(16, 1, b"\0\1\xff\xff", color_type=4))
    with pytest.raises(Refused, match="got 16"):
        read(path, UPLOAD)


@pytest.mark.parametrize("schema", [UPLOAD, COLOURED])
def test_a_mask_is_turned_by_its_own_orientation(path: Path, schema: UploadSchema) -> None:
    """As its image is: 6 turns it clockwise, so that what lies left lies on top."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\1"), exif=exif))
    mask = read_mask(path, "a", MAX_PIXELS, schema, Notices())
    assert (mask.image.size, list(mask.image.tobytes()), mask.is_turned) == ((1, 2), [0, 1], True)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_mask_may_have_an_alpha_channel_that_hides_nothing(path: Path, mode: str) -> None:
    """It says nothing; with colors a transparent pixel is refused."""
    path.write_bytes(encode(Image.new("L", (2, 1), 0).convert(mode)))
    assert list(read(path, COLOURED).tobytes()) == [0, 0]
    path.write_bytes(png(mode, (2, 1)))
    with pytest.raises(Refused, match="transparent"):
        read(path, COLOURED)


def paletted(palette: list[int], *indices: int) -> bytes:
    """A palette PNG of one row."""
    image = Image.frombytes("P", (len(indices), 1), bytes(indices))
    image.putpalette(palette)
    return encode(image)


def test_a_palette_is_read_by_the_colors_of_the_schema(path: Path) -> None:
    """Its order is the tool's, its colors are the classes'."""
    path.write_bytes(paletted([255, 205, 148, 0, 0, 0, 224, 224, 192], 0, 1, 2))
    assert list(read(path, COLOURED).tobytes()) == [1, 0, 255]


def test_a_palette_color_that_no_class_has_is_refused(path: Path) -> None:
    """Indices are not taken for classes where the colors say otherwise."""
    path.write_bytes(paletted([0, 0, 0, 9, 9, 9], 0, 1))
    with pytest.raises(Refused, match=r"color \[9, 9, 9\]"):
        read(path, COLOURED)


def test_the_ignored_index_of_a_palette_needs_no_color(path: Path) -> None:
    """The palette of PASCAL VOC has one for 255 that schemas rarely name."""
    schema = UploadSchema(classes=("a", "b"), colors=((0, 0, 0), (128, 0, 0)))
    palette = [0, 0, 0, 128, 0, 0, *[7] * 3 * 253, 224, 224, 192]
    path.write_bytes(paletted(palette, 0, 1, 255))
    assert list(read(path, schema).tobytes()) == [0, 1, 255]


WHITE = UploadSchema(classes=("a", "b"), colors=((0, 0, 0), (255, 255, 255)))
SWAPPED = UploadSchema(classes=("a", "b"), colors=((1, 1, 1), (0, 0, 0)))


def test_grey_values_may_be_colors_of_the_schema(path: Path) -> None:
    """White is the class that is white, not the ignored value."""
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\xff")))
    assert list(read(path, WHITE).tobytes()) == [0, 1]


def test_grey_values_that_mean_two_things_are_refused(path: Path) -> None:
    """Index 0 and the color of class 1 at once."""
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\1")))
    with pytest.raises(Refused, match="class indices and grey"):
        read(path, SWAPPED)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_mask_of_colors_is_refused(path: Path, mode: str) -> None:
    """A mask must hold class indices; the refusal says so."""
    path.write_bytes(encode(Image.new(mode, (2, 2), "red")))
    with pytest.raises(Refused, match="Expected class indices"):
        read(path, UPLOAD)


def test_a_lossy_mask_is_refused(path: Path) -> None:
    """A JPEG smears classes into each other."""
    path.write_bytes(encode(Image.new("L", (2, 2)), "JPEG"))
    with pytest.raises(Refused, match="not a readable PNG"):
        read(path, UPLOAD)


def test_classes_are_counted() -> None:
    """Pixels are counted by class, the ignored ones apart."""
    mask = Image.frombytes("L", (4, 1), bytes([0, 1, 1, 255]))
    assert count_classes(mask, "a", UPLOAD) == ((1, 2), 1)


def test_a_value_that_is_no_class_is_refused() -> None:
    """The refusal names the value, what the schema has, and what to do."""
    mask = Image.frombytes("L", (2, 1), bytes([0, 7]))
    with pytest.raises(Refused, match="value 7, but the schema has classes 0 to 1"):
        count_classes(mask, "a", UPLOAD)


def test_colors_become_the_indices_of_their_classes(path: Path) -> None:
    """With the classes' colors in the schema, an RGB mask is read by them, the ignored color too."""
    pixels = bytes([0, 0, 0, 255, 205, 148, 224, 224, 192])
    path.write_bytes(encode(Image.frombytes("RGB", (3, 1), pixels)))
    assert list(read(path, COLOURED).tobytes()) == [0, 1, 255]


def test_a_color_that_no_class_has_is_refused(path: Path) -> None:
    """One smoothed pixel is found and named by its place and color."""
    path.write_bytes(encode(Image.frombytes("RGB", (2, 1), bytes([0, 0, 0, 254, 205, 148]))))
    with pytest.raises(Refused, match=r"column 1, row 0 has color \[254, 205, 148\]"):
        read(path, COLOURED)
