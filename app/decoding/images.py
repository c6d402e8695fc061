"""Reads one untrusted image file.

Returns the image upright, with its EXIF orientation applied. No metadata of the file is kept.
"""

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from app.decoding.refusal import Notices, Refused, reason

_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_COLOR_MODES = {"RGB", "L", "P", "1"}
_ALPHA_MODES = {"RGBA", "LA", "PA"}
_UPRIGHT = 1
_JPEG_MAGIC = b"\xff\xd8\xff"
_KINDS = {
    b"\x89PNG": "a damaged PNG",
    _JPEG_MAGIC: "a JPEG",
    b"WEBP": "a WebP",
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"ftyp": "a HEIC or AVIF",
    b"\x93NUMPY": "a NumPy array",
    b"%PDF": "a PDF",
    b"<": "an HTML, XML or SVG text",
}
_AFTER_SIZE = (b"WEBP", b"ftyp")
_PNG_HEADER = struct.Struct(">8x4x4sIIBB")


@dataclass(frozen=True)
class LoadedImage:
    """A decoded image, upright.

    `is_reoriented`: its EXIF orientation was not upright and was applied. `bit_depth` is that of a PNG's samples in the
    file (Pillow widens some), 8 for other formats.
    """

    image: Image.Image
    is_reoriented: bool
    bit_depth: int


def read_image(path: Path, name: str, max_pixels: int, notices: Notices) -> LoadedImage:
    """Return the image as RGB, upright. An alpha channel is accepted if it is opaque. Raises `Refused`."""
    loaded = load_image(path, name, _IMAGE_FORMATS, max_pixels, notices=notices)
    image = drop_opaque_alpha(loaded.image, name)
    if image.mode not in _COLOR_MODES:
        detail = (
            f"Expected an 8-bit RGB or grey image, got mode {image.mode}. Save it as 8-bit RGB."
        )
        raise Refused(name, detail)
    return LoadedImage(image.convert("RGB"), loaded.is_reoriented, loaded.bit_depth)


def drop_opaque_alpha(image: Image.Image, name: str) -> Image.Image:
    """Return the image without its alpha channel. Raises `Refused` if any pixel is transparent."""
    if not image.has_transparency_data:
        return image
    own = image if image.mode in _ALPHA_MODES else image.convert("RGBA")
    least = own.getchannel("A").getextrema()[0]
    if least != 255:
        detail = (
            "Expected an opaque image, got transparent pixels. Flatten the image onto a background."
        )
        raise Refused(name, detail)
    opaque = (
        image.convert({"LA": "L", "RGBA": "RGB"}[image.mode])
        if image.mode in ("LA", "RGBA")
        else image.copy()
    )
    opaque.info.pop("transparency", None)
    return opaque


def encode_png(image: Image.Image) -> bytes:
    """Return the image as a PNG without metadata."""
    buffer = io.BytesIO()
    clean = Image.frombytes(image.mode, image.size, image.tobytes())
    clean.save(buffer, "PNG")
    return buffer.getvalue()


def load_image(
    path: Path, name: str, formats: tuple[str, ...], max_pixels: int, *, notices: Notices
) -> LoadedImage:
    """Load an image of one of the formats, upright. Its size is checked before its pixels are read.

    Raises `Refused`; damaged EXIF metadata only gives a warning.
    """
    data = path.read_bytes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = _loaded(data, name, formats, max_pixels)
        upright, is_sound = _upright(image)
    if not is_sound or any("EXIF" in str(warning.message) for warning in caught):
        detail = "The EXIF metadata is damaged and was ignored: the image was read without its orientation."
        notices.add("exif_ignored", detail, name)
    bit_depth = _bit_depth(data) if image.format == "PNG" else 8
    return LoadedImage(upright or image, upright is not None, bit_depth)


def _loaded(data: bytes, name: str, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    image = _open(data, name, formats, max_pixels)
    width_px, height_px = image.size
    if width_px * height_px > max_pixels:
        detail = f"Expected at most {max_pixels} pixels, got {width_px} x {height_px}. Scale the image down."
        raise Refused(name, detail)
    # A phone's JPEG may contain more images (MPO: previews, a stereo pair); the first is the photograph.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Refused(name, "Expected a still image, got an animation. Send one frame of it.")
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise any exception of their parsers
        raise Refused(name, f"The image is damaged ({reason(error)}). Save it again.") from error
    return image


def _open(data: bytes, name: str, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError as error:
        detail = f"Expected at most {max_pixels} pixels, got far more. Scale the image down."
        raise Refused(name, detail) from error
    except MemoryError:
        raise
    except Exception as error:
        expected = f"Expected a {' or '.join(formats)} image, got"
        detail = f"{expected} {_kind_of(data)}{_cause(error)}. {_advice(data, formats)}"
        raise Refused(name, detail) from error


def _cause(error: Exception) -> str:
    """Return Pillow's message in parentheses, unless it only means an unknown format."""
    return "" if isinstance(error, UnidentifiedImageError) else f" ({reason(error)})"


def _kind_of(data: bytes) -> str:
    """Return what the file is, by its first bytes. WebP and HEIC have theirs after a size."""
    names = (
        kind
        for magic, kind in _KINDS.items()
        if data.startswith(magic) or (magic in _AFTER_SIZE and magic in data[4:12])
    )
    return next(names, "another file" if data else "an empty file")


def _advice(data: bytes, formats: tuple[str, ...]) -> str:
    if formats == ("PNG",) and data.startswith(_JPEG_MAGIC):
        return "Export it as PNG from its source: JPEG changes the values of pixels."
    return f"Save it as {formats[0]}." if data else "Create it again."


def _upright(image: Image.Image) -> tuple[Image.Image | None, bool]:
    """Return the reoriented image, or None if it is stored upright; and whether its EXIF is readable."""
    try:
        # Pillow swallows errors in a JPEG's EXIF when it opens the file, so the bytes are parsed again here.
        Image.Exif().load(image.info.get("exif", b""))
        orientation = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
        return (ImageOps.exif_transpose(image) if orientation in range(2, 9) else None), True
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the EXIF parser raises struct.error, SyntaxError, ValueError, ...
        return None, False


def _bit_depth(data: bytes) -> int:
    """Return the bits per sample from a PNG's header (PNG specification, section 11.2.2)."""
    *_, depth, _ = _PNG_HEADER.unpack_from(data)
    return int(depth)
