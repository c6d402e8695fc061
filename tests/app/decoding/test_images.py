"""Tests of the image reader: accepted and refused files, and the messages."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from app.decoding.images import encode_png, read_image
from app.decoding.refusal import Notices, Refused
from tests.app.uploading import encode, png

MAX_PIXELS = 1_000


def read(path: Path, notices: Notices | None = None) -> Image.Image:
    """Read the image."""
    return read_image(path, "a", MAX_PIXELS, notices or Notices()).image


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the file under test."""
    return tmp_path / "file"


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_three_formats_are_read(path: Path, image_format: str) -> None:
    """PNG, JPEG and WebP are converted to RGB."""
    path.write_bytes(encode(Image.new("RGB", (4, 3), (9, 9, 9)), image_format))
    image = read(path)
    assert (image.mode, image.size) == ("RGB", (4, 3))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encode(Image.new("RGB", (4, 3)), "TIFF"), "a TIFF"),
        (encode(Image.new("RGB", (4, 3)), "BMP"), "a BMP"),
        (encode(Image.new("RGB", (4, 3)), "GIF"), "a GIF"),
        (b"\0\0\0\x18ftypheic", "a HEIC or AVIF"),
        (b"<svg", "an HTML, XML or SVG text"),
        (b"", "an empty file"),
        (b"hello", "another file"),
    ],
)
def test_other_formats_are_refused(path: Path, data: bytes, kind: str) -> None:
    """A format that Pillow supports but the reader does not allow is not opened. The refusal says what it is."""
    path.write_bytes(data)
    with pytest.raises(Refused, match=f"Expected a PNG or JPEG or WEBP image, got {kind}"):
        read(path)


def test_an_image_is_turned_upright(path: Path) -> None:
    """The EXIF orientation is applied and then dropped."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path.write_bytes(encode(Image.new("RGB", (4, 3)), "JPEG", exif=exif))
    upright = read(path)
    assert upright.size == (3, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied(path: Path, orientation: int) -> None:
    """All eight EXIF orientations are applied."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.write_bytes(encode(Image.new("RGB", (4, 3)), "PNG", exif=exif))
    loaded = read_image(path, "a", MAX_PIXELS, Notices())
    assert loaded.image.size == ((4, 3) if orientation <= 4 else (3, 4))
    assert loaded.is_reoriented == (orientation > 1)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff"]
)
def test_damaged_exif_is_ignored(path: Path, image_format: str, exif: bytes) -> None:
    """The image is read without its orientation; the warning names the file."""
    path.write_bytes(encode(Image.new("RGB", (4, 3)), image_format, exif=exif))
    notices = Notices()
    assert read(path, notices).size == (4, 3)
    assert [(one.code, one.files) for one in notices.warnings] == [("exif_ignored", ("a",))]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_opaque_alpha_channel_is_accepted(path: Path, mode: str) -> None:
    """Many tools always write an alpha channel."""
    path.write_bytes(encode(Image.new("L", (4, 3), 90).convert(mode)))
    assert read(path).getpixel((0, 0)) == (90, 90, 90)


def test_an_unused_transparent_color_is_accepted(path: Path) -> None:
    """A palette may have a transparent entry that no pixel uses."""
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    path.write_bytes(encode(image, transparency=0))
    assert read(path).getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize(
    ("mode", "message"), [("RGBA", "transparent"), ("LA", "transparent"), ("I;16", "8-bit RGB")]
)
def test_transparency_and_16_bits_are_refused(path: Path, mode: str, message: str) -> None:
    """Both would be lost silently, so they are refused with the remedy."""
    path.write_bytes(png(mode, (4, 3)))
    with pytest.raises(Refused, match=message):
        read(path)


def test_the_pixels_of_an_image_are_limited(path: Path) -> None:
    """A too large image is refused by its header, before its pixels are read."""
    path.write_bytes(png("RGB", (100, 11)))
    with pytest.raises(Refused, match="at most 1000 pixels, got 100 x 11"):
        read(path)


def test_an_animation_is_refused(path: Path) -> None:
    """An animation does not define one image."""
    frames = [Image.new("RGB", (40, 20), (number, 0, 0)) for number in (0, 255)]
    path.write_bytes(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    with pytest.raises(Refused, match="animation"):
        read(path)


def test_a_photograph_with_previews_is_accepted(path: Path) -> None:
    """A JPEG of a phone with previews (MPO) is read as its photograph."""
    preview = Image.new("RGB", (2, 2))
    photograph = Image.new("RGB", (4, 3))
    path.write_bytes(encode(photograph, "MPO", save_all=True, append_images=[preview]))
    assert read(path).size == (4, 3)


def test_a_truncated_image_is_refused(path: Path) -> None:
    """An image file that ends early is damaged."""
    noise = Image.effect_noise((30, 30), 90).convert("RGB")
    path.write_bytes(encode(noise)[:400])
    with pytest.raises(Refused, match="damaged"):
        read(path)


def test_an_extreme_size_in_the_header_is_refused(path: Path) -> None:
    """A header of 10,000 megapixels, which Pillow itself refuses, gives the same message."""
    header = struct.pack(">4sIIBBBBB", b"IHDR", 100_000, 100_000, 8, 2, 0, 0, 0)
    whole = png("RGB", (2, 2))
    path.write_bytes(whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:])
    with pytest.raises(Refused, match="Scale the image down"):
        read(path)


def test_metadata_is_not_kept() -> None:
    """Only the pixels are encoded, without text and profiles."""
    image = Image.new("RGB", (2, 2))
    image.info["comment"] = "taken at home"
    assert b"taken at home" not in encode_png(image)
