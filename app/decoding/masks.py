"""Reads one untrusted mask, which holds class indices or the colors that the schema gives the classes.

Returns 8-bit class indices in mode L, upright.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.decoding.images import LoadedImage, drop_opaque_alpha, load_image
from app.decoding.protocol import UploadSchema
from app.decoding.refusal import Notices, Refused
from contracts.schemas import LabelSchema

_MAX_NAMED_VALUES = 5
_GREY_16_MODES = ("I;16", "I;16B", "I")

Indices = NDArray[np.uint8]
Packed = NDArray[np.uint32]


@dataclass(frozen=True)
class Mask:
    """Class indices in mode L. `is_indexed`: the file has indices, not colors.

    `is_reoriented`: the mask's EXIF orientation was applied.
    """

    image: Image.Image
    is_indexed: bool
    is_reoriented: bool


def read_mask(
    path: Path, name: str, max_pixels: int, upload: UploadSchema, notices: Notices
) -> Mask:
    """Return the class indices of one mask file. Raises `Refused`.

    If the schema has colors, a palette or RGB pixel is the class of that color. Without colors, a palette index or
    grey sample is the class index, also if its grey is saved as RGB; samples of fewer than 8 bits are not scaled.
    """
    loaded = load_image(path, name, ("PNG",), max_pixels, notices=notices)
    if loaded.bit_depth == 16 and loaded.image.mode not in _GREY_16_MODES:
        # Pillow would drop the lower 8 bits.
        detail = "Expected a mask of 8 bits per channel, got 16. Save it as 8-bit PNG."
        raise Refused(name, detail)
    if loaded.image.mode == "P":
        return _from_palette(loaded, name, upload)
    image = loaded.image
    if image.mode in ("LA", "RGBA"):
        image = drop_opaque_alpha(image, name)
    if image.mode == "RGB" and upload.colors is not None:
        return Mask(_from_colors(_packed(image), name, upload), False, loaded.is_reoriented)
    if image.mode == "RGB" and _is_grey(image):
        image = image.getchannel("R")
    samples = _grey_samples(image, loaded.bit_depth, name)
    levels = 2 ** min(loaded.bit_depth, 8)
    return _from_grey(samples, name, upload, levels, is_reoriented=loaded.is_reoriented)


def count_classes(mask: Image.Image, name: str, labels: LabelSchema) -> tuple[tuple[int, ...], int]:
    """Return the pixels of each class and the ignored pixels. Raises `Refused` for any other value."""
    # The histogram of mode L has one count for each of 256 values.
    counts = mask.histogram()
    valid = {*range(labels.num_classes), labels.ignore_index}
    invalid = [value for value, count in enumerate(counts) if count and value not in valid]
    if invalid:
        listed = ", ".join(str(value) for value in invalid[:_MAX_NAMED_VALUES])
        detail = (
            f"Expected class indices 0 to {labels.num_classes - 1}, or {labels.ignore_index} for ignored pixels, got"
            f" {listed}. Correct the mask, or add the classes to the schema."
        )
        raise Refused(name, detail)
    return tuple(counts[: labels.num_classes]), counts[labels.ignore_index]


def _from_palette(loaded: LoadedImage, name: str, upload: UploadSchema) -> Mask:
    """Return the palette's indices or, if the schema has colors, the classes of its colors."""
    image = loaded.image
    indices = np.frombuffer(image.tobytes(), dtype=np.uint8).reshape(image.size[::-1])
    if upload.colors is None:
        return Mask(Image.fromarray(indices), True, loaded.is_reoriented)
    palette = np.array(image.getpalette("RGB"), dtype=np.uint32).reshape(-1, 3)
    # Pillow accepts indices beyond the palette of a damaged file.
    if indices.max() >= len(palette):
        detail = f"Expected palette indices below {len(palette)}, got {indices.max()}. Save the mask again."
        raise Refused(name, detail)
    colors = palette @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    void = upload.ignore_index
    # The usual palette has an extra color for "no label". Programs that write a short palette fill it with one color,
    # so the ignored index may also have the color of an earlier index.
    if (
        upload.ignore_color is None
        and void < len(colors)
        and (colors[void] in colors[:void] or colors[void] not in _colors(upload))
    ):
        colors[void] = _NO_COLOR
    packed = colors[indices]
    return Mask(_from_colors(packed, name, upload), False, loaded.is_reoriented)


def _is_grey(image: Image.Image) -> bool:
    channels = np.asarray(image)
    return bool((channels == channels[:, :, :1]).all())


def _grey_samples(image: Image.Image, bit_depth: int, name: str) -> NDArray[np.uint16]:
    """Return the samples of a grey PNG as they are stored in the file.

    Pillow scales 2 and 4 bits to 0..255; dividing by 255 / (2**bits - 1) reverses it.
    """
    if image.mode == "1":
        return np.asarray(image).astype(np.uint16)
    if image.mode == "L":
        samples: NDArray[np.uint16] = np.asarray(image).astype(np.uint16)
        return samples // np.uint16(255 // (2**bit_depth - 1))
    if image.mode in _GREY_16_MODES:
        return np.asarray(image).astype(np.uint16)
    detail = (
        f"Expected class indices as a palette or grey PNG, got mode {image.mode}. Replace each color by the index of"
        ' its class, or save the mask as RGB and list the "colors" in labelset.json.'
    )
    raise Refused(name, detail)


def _from_grey(
    samples: NDArray[np.uint16],
    name: str,
    upload: UploadSchema,
    levels: int,
    *,
    is_reoriented: bool,
) -> Mask:
    """Return the classes of grey samples, which are class indices or the grey colors of classes.

    Of `levels` samples the highest is white. Raises `Refused` if the samples can be both and the classes differ.
    """
    values = np.unique(samples)
    if values[-1] > 255:
        detail = (
            f"Expected class indices up to 254, got {values[-1]}. Save the mask as an 8-bit PNG."
        )
        raise Refused(name, detail)
    as_indices = Image.fromarray(samples.astype(np.uint8))
    # A grey value v is the packed color (v, v, v).
    to_grey = 255 // (levels - 1) * 0x010101
    if (
        upload.colors is None
        or not np.isin(values.astype(np.uint32) * to_grey, _colors(upload)).all()
    ):
        return Mask(as_indices, True, is_reoriented)
    as_colors = _from_colors(samples.astype(np.uint32) * to_grey, name, upload)
    if np.isin(values, _plain_indices(upload)).all() and as_colors != as_indices:
        detail = (
            'The grey values are class indices and also grey "colors" of other classes. Save the mask as RGB to use'
            ' colors, or remove "colors" from labelset.json to use indices.'
        )
        raise Refused(name, detail)
    return Mask(as_colors, False, is_reoriented)


def _plain_indices(upload: UploadSchema) -> list[int]:
    """Return the values that can be indices: classes, and ignore_index unless it is the grey of a class."""
    ignored = upload.ignore_index
    is_color = ignored * 0x010101 in _colors(upload)
    return [*range(upload.num_classes), *([] if is_color else [ignored])]


_NO_COLOR = 1 << 24
"""A packed value for "no label", above the largest packed color 0xFFFFFF."""


def _colors(upload: UploadSchema) -> list[int]:
    """Return the packed colors of the classes and of unlabelled pixels."""
    colors = [*(upload.colors or ()), *([upload.ignore_color] if upload.ignore_color else [])]
    return [red << 16 | green << 8 | blue for red, green, blue in colors]


def _packed(image: Image.Image) -> Packed:
    red, green, blue = np.moveaxis(np.asarray(image).astype(np.uint32), 2, 0)
    packed: Packed = red << 16 | green << 8 | blue
    return packed


def _from_colors(packed: Packed, name: str, upload: UploadSchema) -> Image.Image:
    """Return the class indices of packed colors. Raises `Refused` for a color that no class has."""
    indices = np.full(packed.shape, upload.ignore_index, dtype=np.uint8)
    is_matched = packed == _NO_COLOR
    for index, color in enumerate(_colors(upload)):
        matches = packed == color
        indices[matches] = index if index < upload.num_classes else upload.ignore_index
        is_matched |= matches
    if not is_matched.all():
        raise Refused(name, _describe_unmatched(packed, is_matched, upload))
    return Image.fromarray(indices)


def _describe_unmatched(packed: Packed, is_matched: NDArray[np.bool_], upload: UploadSchema) -> str:
    """Return the message about the first pixel whose color no class has."""
    row, column = np.argwhere(~is_matched)[0]
    value = int(packed[row, column])
    color = [value >> 16, value >> 8 & 255, value & 255]
    advice = 'Save the mask without smoothing, or add the color to "colors", or as "ignore_color", in labelset.json.'
    if tuple(reversed(color)) in (upload.colors or ()):
        advice = (
            "With red and blue swapped it is one: OpenCV saves BGR, so convert the mask before."
        )
    return f"Expected the color of a class at column {column}, row {row}, got {color}. {advice}"
