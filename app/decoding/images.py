"""Reads one image that nobody trusts, and says in plain words what is wrong with it.

Out: an RGB image, upright. Nothing of the file's own metadata is kept.
"""

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from app.decoding.refusal import Refused

_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_COLOUR_MODES = {"RGB", "L", "P", "1"}


def read_image(path: Path, name: str, max_pixels: int) -> Image.Image:
    """The image as RGB, turned as its EXIF orientation says."""
    image = open_picture(path, name, _IMAGE_FORMATS, max_pixels)
    if image.has_transparency_data:
        raise Refused(
            name, "The image has an alpha channel. Flatten it onto a background, then save."
        )
    if image.mode not in _COLOUR_MODES:
        detail = f"The image is in mode {image.mode}, not 8-bit RGB or grey. Save it as 8-bit RGB."
        raise Refused(name, detail)
    upright = ImageOps.exif_transpose(image)
    return upright.convert("RGB")


def encode_png(image: Image.Image) -> bytes:
    """The image as a PNG without metadata."""
    buffer = io.BytesIO()
    clean = Image.frombytes(image.mode, image.size, image.tobytes())
    clean.save(buffer, "PNG")
    return buffer.getvalue()


def open_picture(path: Path, name: str, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    """The decoded picture, of one of these formats. Its size is checked before its pixels are read."""
    wanted = ", ".join(formats)
    data = io.BytesIO(path.read_bytes())
    try:
        image = Image.open(data, formats=formats)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Refused(
            name, f"This is not a readable {wanted} image. Save it again as one."
        ) from error
    except Image.DecompressionBombError as error:
        detail = f"It has far more than {max_pixels} pixels, the most that is taken. Scale it down."
        raise Refused(name, detail) from error
    width_px, height_px = image.size
    if width_px * height_px > max_pixels:
        detail = f"It has {width_px} x {height_px} pixels; at most {max_pixels} are taken. Scale it down."
        raise Refused(name, detail)
    # A phone's JPEG may carry more pictures (MPO: previews, the other eye); the first is the photograph.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Refused(name, "It is an animation. Send one frame as a still image.")
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused(name, f"The image is damaged ({error}). Save it again.") from error
    return image
