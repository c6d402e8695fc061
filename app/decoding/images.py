"""Reads one image or mask that nobody trusts, and says in plain words what is wrong with it.

Out: an RGB image, upright; a mask of 8-bit class indices. Nothing of the file's own metadata is kept.
"""

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from app.decoding.refusal import Refused
from contracts.labelsets import LabelSchema

_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_MASK_FORMATS = ("PNG",)
_COLOUR_MODES = {"RGB", "L", "P", "1"}
_MASK_MODES = {"L", "P", "1"}
_MAX_NAMED_VALUES = 5


def read_image(path: Path, name: str, max_pixels: int) -> Image.Image:
    """The image as RGB, turned as its EXIF orientation says."""
    image = _open(path, name, _IMAGE_FORMATS, max_pixels)
    if image.has_transparency_data:
        raise Refused(
            name, "The image has an alpha channel. Flatten it onto a background, then save."
        )
    if image.mode not in _COLOUR_MODES:
        detail = f"The image is in mode {image.mode}, not 8-bit RGB or grey. Save it as 8-bit RGB."
        raise Refused(name, detail)
    upright = ImageOps.exif_transpose(image)
    return upright.convert("RGB")


def read_mask(path: Path, name: str, max_pixels: int) -> Image.Image:
    """The mask's class indices in mode L: a palette's index, a grey value, or 0 and 1."""
    mask = _open(path, name, _MASK_FORMATS, max_pixels)
    if mask.mode not in _MASK_MODES:
        detail = (
            f"The mask is in mode {mask.mode}; class indices were expected, as a palette or 8-bit grey PNG."
            " Replace each colour by the index of its class."
        )
        raise Refused(name, detail)
    if mask.mode == "1":
        return mask.convert("L").point([0] * 255 + [1])
    return Image.frombytes("L", mask.size, mask.tobytes())


def count_classes(mask: Image.Image, name: str, labels: LabelSchema) -> tuple[tuple[int, ...], int]:
    """Pixels of each class, and pixels that are ignored.

    Raises `Refused` for a value that is neither, and for a mask that labels nothing.
    """
    counts = mask.histogram()
    known = {*range(labels.num_classes), labels.ignore_index}
    strangers = [value for value, count in enumerate(counts) if count and value not in known]
    if strangers:
        named = ", ".join(str(value) for value in strangers[:_MAX_NAMED_VALUES])
        detail = (
            f"The mask has pixels of value {named}, but the schema has classes 0 to {labels.num_classes - 1}"
            f" and ignores {labels.ignore_index}. Correct the mask, or add the classes to the schema."
        )
        raise Refused(name, detail)
    class_pixels, ignored_pixels = tuple(counts[: labels.num_classes]), counts[labels.ignore_index]
    if not any(class_pixels):
        detail = (
            f"All its pixels are {labels.ignore_index}, which is ignored: it labels nothing."
            " Label something in it, or leave it and its image out."
        )
        raise Refused(name, detail)
    return class_pixels, ignored_pixels


def encode_png(image: Image.Image) -> bytes:
    """The image as a PNG without metadata."""
    buffer = io.BytesIO()
    clean = Image.frombytes(image.mode, image.size, image.tobytes())
    clean.save(buffer, "PNG")
    return buffer.getvalue()


def _open(path: Path, name: str, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    """The decoded picture. Its size is checked before its pixels are read."""
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
