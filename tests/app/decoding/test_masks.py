"""Tests of the mask reader: accepted and refused files, and the messages."""

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
COLORED = UploadSchema(
    classes=("background", "skin"),
    colors=((0, 0, 0), (255, 205, 148)),
    ignore_color=(224, 224, 192),
)


def read(path: Path, upload: UploadSchema) -> Image.Image:
    """Read the mask."""
    return read_mask(path, "a", MAX_PIXELS, upload, Notices()).image


def grey_png(bits: int, width: int, row: bytes, color_type: int = 0) -> bytes:
    """Return a PNG of one row of packed samples, which Pillow cannot write."""

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
    """The path of the file under test."""
    return tmp_path / "file"


@pytest.mark.parametrize(("mode", "value", "expected"), [("L", 2, 2), ("P", 2, 2), ("1", 1, 1)])
def test_a_mask_has_class_indices(path: Path, mode: str, value: Any, expected: int) -> None:
    """A palette index, grey value or bit is the class index, whatever its color."""
    mask = Image.new(mode, (2, 1), value)
    if mode == "P":
        mask.putpalette([200, 0, 0, 0, 200, 0, 7, 7, 7])
    path.write_bytes(encode(mask))
    mask = read(path, UPLOAD)
    assert (mask.mode, set(mask.tobytes())) == ("L", {expected})


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_samples_of_every_depth_are_class_indices(path: Path, bits: int) -> None:
    """0 and 1 are classes 0 and 1 for any number of bits per sample."""
    samples = f"{0:0{bits}b}{1:0{bits}b}"
    row = int(samples.ljust(-(-len(samples) // 8) * 8, "0"), 2).to_bytes(-(-len(samples) // 8))
    path.write_bytes(grey_png(bits, 2, row))
    assert list(read(path, UPLOAD).tobytes()) == [0, 1]


def test_a_grey_value_beyond_8_bits_is_refused(path: Path) -> None:
    """The value is not reduced to its lower 8 bits."""
    path.write_bytes(grey_png(16, 2, b"\0\1\1\0"))
    with pytest.raises(Refused, match="class indices up to 254, got 256"):
        read(path, UPLOAD)


def test_16_bits_beside_an_alpha_channel_are_refused(path: Path) -> None:
    """Pillow keeps only the upper 8 bits of each sample, so every index would be 0."""
    path.write_bytes(grey_png(16, 1, b"\0\1\xff\xff", color_type=4))
    with pytest.raises(Refused, match="got 16"):
        read(path, UPLOAD)


@pytest.mark.parametrize("schema", [UPLOAD, COLORED])
def test_the_orientation_of_a_mask_is_applied(path: Path, schema: UploadSchema) -> None:
    """Orientation 6 rotates the mask clockwise: the left pixel becomes the top one."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\1"), exif=exif))
    mask = read_mask(path, "a", MAX_PIXELS, schema, Notices())
    assert (mask.image.size, list(mask.image.tobytes()), mask.is_reoriented) == (
        (1, 2),
        [0, 1],
        True,
    )


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_mask_may_have_an_opaque_alpha_channel(path: Path, mode: str) -> None:
    """An opaque alpha channel is ignored; a transparent pixel is refused."""
    path.write_bytes(encode(Image.new("L", (2, 1), 0).convert(mode)))
    assert list(read(path, COLORED).tobytes()) == [0, 0]
    path.write_bytes(png(mode, (2, 1)))
    with pytest.raises(Refused, match="transparent"):
        read(path, COLORED)


def paletted(palette: list[int], *indices: int) -> bytes:
    """Return a palette PNG of one row."""
    image = Image.frombytes("P", (len(indices), 1), bytes(indices))
    image.putpalette(palette)
    return encode(image)


def test_a_palette_is_read_by_the_colors_of_the_schema(path: Path) -> None:
    """The order of the palette does not matter, only its colors."""
    path.write_bytes(paletted([255, 205, 148, 0, 0, 0, 224, 224, 192], 0, 1, 2))
    assert list(read(path, COLORED).tobytes()) == [1, 0, 255]


def test_a_palette_color_that_no_class_has_is_refused(path: Path) -> None:
    """If the schema has colors, palette indices are not used as classes."""
    path.write_bytes(paletted([0, 0, 0, 9, 9, 9], 0, 1))
    with pytest.raises(Refused, match=r"got \[9, 9, 9\]"):
        read(path, COLORED)


def test_the_ignored_index_of_a_palette_needs_no_color(path: Path) -> None:
    """The palette of PASCAL VOC has a color for 255 that schemas rarely declare."""
    schema = UploadSchema(classes=("a", "b"), colors=((0, 0, 0), (128, 0, 0)))
    palette = [0, 0, 0, 128, 0, 0, *[7] * 3 * 253, 224, 224, 192]
    path.write_bytes(paletted(palette, 0, 1, 255))
    assert list(read(path, schema).tobytes()) == [0, 1, 255]


@pytest.mark.parametrize("fill", [[0, 0, 0], [128, 0, 0]])
def test_the_ignored_index_of_a_filled_palette_is_no_class(path: Path, fill: list[int]) -> None:
    """A short palette is filled with one color when it is saved: 255 has the color of a class by chance."""
    schema = UploadSchema(classes=("a", "b"), colors=((0, 0, 0), (128, 0, 0)))
    path.write_bytes(paletted([0, 0, 0, 128, 0, 0, *fill * 254], 0, 1, 255))
    assert list(read(path, schema).tobytes()) == [0, 1, 255]


def test_a_palette_color_counts_at_the_ignored_index_too(path: Path) -> None:
    """If no other index has it, the color decides: white is the class of that color."""
    grey = [level for level in range(256) for _ in range(3)]
    path.write_bytes(paletted(grey, 0, 255))
    assert list(read(path, WHITE).tobytes()) == [0, 1]


WHITE = UploadSchema(classes=("a", "b"), colors=((0, 0, 0), (255, 255, 255)))
SWAPPED = UploadSchema(classes=("a", "b"), colors=((1, 1, 1), (0, 0, 0)))


def test_grey_values_may_be_colors_of_the_schema(path: Path) -> None:
    """White is the class of that color, not the ignored value."""
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\xff")))
    assert list(read(path, WHITE).tobytes()) == [0, 1]


def test_ambiguous_grey_values_are_refused(path: Path) -> None:
    """Grey 0 is index 0 and also the color of class 1."""
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\1")))
    with pytest.raises(Refused, match="class indices and also grey"):
        read(path, SWAPPED)


INVERTED = UploadSchema(classes=("a", "b"), colors=((255, 255, 255), (0, 0, 0)))


@pytest.mark.parametrize(("bits", "row"), [(1, b"\x40"), (2, b"\x30"), (4, b"\x0f")])
def test_the_highest_grey_sample_is_white(path: Path, bits: int, row: bytes) -> None:
    """Samples of few bits have colors too: of 1 bit they are also indices, so they are ambiguous."""
    path.write_bytes(grey_png(bits, 2, row))
    assert list(read(path, WHITE).tobytes()) == [0, 1]
    if bits == 1:
        with pytest.raises(Refused, match="class indices and also grey"):
            read(path, INVERTED)
    else:
        assert list(read(path, INVERTED).tobytes()) == [1, 0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("values", [b"\0\1", b"\1\xff"])
def test_grey_saved_as_rgb_has_class_indices(path: Path, mode: str, values: bytes) -> None:
    """Programs for images save grey in three equal channels."""
    path.write_bytes(encode(Image.frombytes("L", (2, 1), values).convert(mode)))
    mask = read_mask(path, "a", MAX_PIXELS, UPLOAD, Notices())
    assert (mask.image.tobytes(), mask.is_indexed) == (values, True)


def test_grey_rgb_has_the_colors_of_the_schema(path: Path) -> None:
    """If the schema has colors, RGB is read by them alone."""
    path.write_bytes(encode(Image.frombytes("L", (2, 1), b"\0\1").convert("RGB")))
    assert list(read(path, SWAPPED).tobytes()) == [1, 0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_mask_of_colors_is_refused(path: Path, mode: str) -> None:
    """Without colors in the schema, a mask must have class indices."""
    path.write_bytes(encode(Image.new(mode, (2, 2), "red")))
    with pytest.raises(Refused, match="Expected class indices"):
        read(path, UPLOAD)


def test_a_lossy_mask_is_refused(path: Path) -> None:
    """JPEG compression would mix the classes."""
    path.write_bytes(encode(Image.new("L", (2, 2)), "JPEG"))
    with pytest.raises(Refused, match="got a JPEG"):
        read(path, UPLOAD)


def test_classes_are_counted() -> None:
    """Pixels are counted by class, ignored pixels separately."""
    mask = Image.frombytes("L", (4, 1), bytes([0, 1, 1, 255]))
    assert count_classes(mask, "a", UPLOAD) == ((1, 2), 1)


def test_a_value_of_no_class_is_refused() -> None:
    """The refusal names the value, the schema's classes and the remedy."""
    mask = Image.frombytes("L", (2, 1), bytes([0, 7]))
    with pytest.raises(
        Refused, match="Expected class indices 0 to 1, or 255 for ignored pixels, got 7"
    ):
        count_classes(mask, "a", UPLOAD)


def test_colors_become_the_indices_of_their_classes(path: Path) -> None:
    """If the schema has colors, an RGB mask is read by them, including the ignored color."""
    pixels = bytes([0, 0, 0, 255, 205, 148, 224, 224, 192])
    path.write_bytes(encode(Image.frombytes("RGB", (3, 1), pixels)))
    assert list(read(path, COLORED).tobytes()) == [0, 1, 255]


def test_a_color_that_no_class_has_is_refused(path: Path) -> None:
    """A single smoothed pixel is reported with its position and color."""
    path.write_bytes(encode(Image.frombytes("RGB", (2, 1), bytes([0, 0, 0, 254, 205, 148]))))
    with pytest.raises(Refused, match=r"column 1, row 0, got \[254, 205, 148\]"):
        read(path, COLORED)


def test_swapped_channels_are_explained(path: Path) -> None:
    """OpenCV expects BGR, so a mask of RGB colors is saved with red and blue swapped."""
    path.write_bytes(png("RGB", (2, 1), (148, 205, 255)))
    with pytest.raises(Refused, match="red and blue swapped"):
        read(path, COLORED)
