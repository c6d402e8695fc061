"""Reads one picture that nobody trusts, and says in plain words what is wrong with it.

Out: the picture upright, as its EXIF orientation says. Nothing of the file's metadata is kept.
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
_PNG_HEADER = struct.Struct(">8x4x4sIIBB")


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    `is_turned`: its EXIF orientation was another than upright. `bit_depth` is that of a PNG's samples (Pillow widens
    some), 8 for other formats.
    """

    image: Image.Image
    is_turned: bool
    bit_depth: int


def read_image(path: Path, name: str, max_pixels: int, notices: Notices) -> Picture:
    """The image as RGB, turned as its EXIF orientation says. An alpha channel is accepted where it hides nothing."""
    picture = open_picture(path, name, _IMAGE_FORMATS, max_pixels, notices=notices)
    image = drop_opaque_alpha(picture.image, name)
    if image.mode not in _COLOR_MODES:
        detail = (
            f"Expected 8-bit RGB or grey, got an image in mode {image.mode}. Save it as 8-bit RGB."
        )
        raise Refused(name, detail)
    return Picture(image.convert("RGB"), picture.is_turned, picture.bit_depth)


def drop_opaque_alpha(image: Image.Image, name: str) -> Image.Image:
    """The image without its alpha channel. Raises `Refused` when any pixel is transparent."""
    if not image.has_transparency_data:
        return image
    own = image if image.mode in _ALPHA_MODES else image.convert("RGBA")
    least = own.getchannel("A").getextrema()[0]
    if least != 255:
        detail = "The alpha channel has transparent pixels. Flatten the image onto a background, then save."
        raise Refused(name, detail)
    opaque = (
        image.convert({"LA": "L", "RGBA": "RGB"}[image.mode])
        if image.mode in ("LA", "RGBA")
        else image.copy()
    )
    opaque.info.pop("transparency", None)
    return opaque


def encode_png(image: Image.Image) -> bytes:
    """The image as a PNG without metadata."""
    buffer = io.BytesIO()
    clean = Image.frombytes(image.mode, image.size, image.tobytes())
    clean.save(buffer, "PNG")
    return buffer.getvalue()


def open_picture(
    path: Path, name: str, formats: tuple[str, ...], max_pixels: int, *, notices: Notices
) -> Picture:
    """The decoded picture, of one of these formats, upright. Its size is checked before its pixels are read."""
    data = path.read_bytes()
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        image = _loaded(data, name, formats, max_pixels)
        upright, is_sound = _upright(image)
    if not is_sound or any("EXIF" in str(complaint.message) for complaint in complaints):
        detail = (
            "The EXIF metadata is damaged and was ignored: the image was taken as it is stored."
        )
        notices.add("exif_ignored", detail, name)
    bit_depth = _bit_depth(data) if image.format == "PNG" else 8
    return Picture(upright or image, upright is not None, bit_depth)


def _loaded(data: bytes, name: str, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    image = _open(data, name, formats, max_pixels)
    width_px, height_px = image.size
    if width_px * height_px > max_pixels:
        detail = f"It has {width_px} x {height_px} pixels; at most {max_pixels} are taken. Scale it down."
        raise Refused(name, detail)
    # A phone's JPEG may carry more pictures (MPO: previews, the other eye); the first is the photograph.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Refused(name, "It is an animation. Send one frame as a still image.")
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever their parsing meets
        raise Refused(name, f"The image is damaged ({reason(error)}). Save it again.") from error
    return image


def _open(data: bytes, name: str, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError as error:
        detail = f"It has far more than {max_pixels} pixels, the most that is taken. Scale it down."
        raise Refused(name, detail) from error
    except MemoryError:
        raise
    except Exception as error:
        detail = f"This is not a readable {' or '.join(formats)} image{_cause(error)}. Save it again as one."
        raise Refused(name, detail) from error


def _cause(error: Exception) -> str:
    """What Pillow said, where it said more than that it knows no such format."""
    return "" if isinstance(error, UnidentifiedImageError) else f" ({reason(error)})"


def _upright(image: Image.Image) -> tuple[Image.Image | None, bool]:
    """The picture turned as its EXIF says, or None where it is upright as stored; and whether EXIF is readable."""
    try:
        # Pillow reads a JPEG's EXIF while it opens it, and forgets what was wrong: so once more, from the bytes.
        Image.Exif().load(image.info.get("exif", b""))
        orientation = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
        return (ImageOps.exif_transpose(image) if orientation in range(2, 9) else None), True
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - struct.error, SyntaxError, ValueError, ...: EXIF is a format of its own
        return None, False


def _bit_depth(data: bytes) -> int:
    """Bits of a sample in a PNG's header (PNG specification, section 11.2.2)."""
    *_, depth, _ = _PNG_HEADER.unpack_from(data)
    return int(depth)
