"""Reads one mask that nobody trusts: class indices as they are, or colors that the schema gives the classes.

Out: 8-bit class indices in mode L, upright.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.decoding.images import Picture, drop_opaque_alpha, open_picture
from app.decoding.protocol import UploadSchema
from app.decoding.refusal import Notices, Refused
from contracts.schemas import LabelSchema

_MAX_NAMED_VALUES = 5
_GREY_16_MODES = ("I;16", "I;16B", "I")

Indices = NDArray[np.uint8]
Packed = NDArray[np.uint32]


@dataclass(frozen=True)
class Mask:
    """Class indices in mode L. `is_indexed`: the file held them as numbers, not as colors.

    `is_turned`: the mask's own EXIF orientation turned it.
    """

    image: Image.Image
    is_indexed: bool
    is_turned: bool


def read_mask(
    path: Path, name: str, max_pixels: int, upload: UploadSchema, notices: Notices
) -> Mask:
    """The class indices of one mask file.

    Where the schema has colors, a palette or RGB pixel means the class of that color. Without them, a palette's
    index or a grey sample is the class index; samples of fewer than 8 bits count as they are stored.
    """
    picture = open_picture(path, name, ("PNG",), max_pixels, notices=notices)
    if picture.bit_depth == 16 and picture.image.mode not in _GREY_16_MODES:
        detail = "Expected 8 bits for each channel, got 16: Pillow would drop the lower half. Save it as 8-bit PNG."
        raise Refused(name, detail)
    if picture.image.mode == "P":
        return _from_palette(picture, name, upload)
    image = picture.image
    if image.mode in ("LA", "RGBA"):
        image = drop_opaque_alpha(image, name)
    if image.mode == "RGB" and upload.colors is not None:
        return Mask(_from_colors(_packed(image), name, upload), False, picture.is_turned)
    samples = _grey_samples(image, picture.bit_depth, name)
    return _from_grey(samples, name, upload, is_turned=picture.is_turned)


def count_classes(mask: Image.Image, name: str, labels: LabelSchema) -> tuple[tuple[int, ...], int]:
    """Pixels of each class, and pixels that are ignored. Raises `Refused` for a value that is neither."""
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
    return tuple(counts[: labels.num_classes]), counts[labels.ignore_index]


def _from_palette(picture: Picture, name: str, upload: UploadSchema) -> Mask:
    """A palette's indices; with colors in the schema, the classes that its colors mean."""
    image = picture.image
    indices = np.frombuffer(image.tobytes(), dtype=np.uint8).reshape(image.size[::-1])
    if upload.colors is None:
        return Mask(Image.fromarray(indices), True, picture.is_turned)
    palette = np.array(image.getpalette("RGB"), dtype=np.uint32).reshape(-1, 3)
    if indices.max() >= len(palette):
        detail = f"A pixel has index {indices.max()}, but the palette has {len(palette)} colors. Save it again."
        raise Refused(name, detail)
    packed = (palette @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32))[indices]
    if upload.ignore_color is None:  # the usual palette has a color of its own for "no label"
        strangers = indices[~np.isin(packed, _colors(upload))]
        if (strangers == upload.ignore_index).all():
            packed = np.where(indices == upload.ignore_index, _NO_COLOR, packed).astype(np.uint32)
    return Mask(_from_colors(packed, name, upload), False, picture.is_turned)


def _grey_samples(image: Image.Image, bit_depth: int, name: str) -> NDArray[np.uint16]:
    """The samples of a grey PNG as they are stored.

    Pillow stretches 2 and 4 bits to 0..255; dividing by 255 / (2**bits - 1) undoes it.
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
        ' its class, or save it as RGB and give "colors" in labelset.json.'
    )
    raise Refused(name, detail)


def _from_grey(
    samples: NDArray[np.uint16], name: str, upload: UploadSchema, *, is_turned: bool
) -> Mask:
    """Grey samples as class indices, or as grey colors where the schema gives them to classes.

    Raises `Refused` for samples that may be both and mean different classes.
    """
    values = np.unique(samples)
    if values[-1] > 255:
        detail = f"The mask has pixels of value {values[-1]}; class indices go to 254. Save it as an 8-bit PNG."
        raise Refused(name, detail)
    as_indices = Image.fromarray(samples.astype(np.uint8))
    greys = values.astype(np.uint32) * 0x010101
    if upload.colors is None or not np.isin(greys, _colors(upload)).all():
        return Mask(as_indices, True, is_turned)
    as_colors = _from_colors(samples.astype(np.uint32) * 0x010101, name, upload)
    if np.isin(values, _plain_indices(upload)).all() and as_colors != as_indices:
        detail = (
            'Its grey values are class indices and grey "colors" of other classes at once. Save it as RGB for colors,'
            ' or leave "colors" out of labelset.json for indices.'
        )
        raise Refused(name, detail)
    return Mask(as_colors, False, is_turned)


def _plain_indices(upload: UploadSchema) -> list[int]:
    """The values that can be meant as indices: classes, and the ignored value unless a class has it as its grey."""
    ignored = upload.ignore_index
    is_grey = ignored * 0x010101 in _colors(upload)
    return [*range(upload.num_classes), *([] if is_grey else [ignored])]


_NO_COLOR = 1 << 24
"""Stands for "no label" among packed colors, of which the largest is 0xFFFFFF."""


def _colors(upload: UploadSchema) -> list[int]:
    """The packed colors of classes and of unlabelled pixels."""
    known = [*(upload.colors or ()), *([upload.ignore_color] if upload.ignore_color else [])]
    return [red << 16 | green << 8 | blue for red, green, blue in known]


def _packed(image: Image.Image) -> Packed:
    red, green, blue = np.moveaxis(np.asarray(image).astype(np.uint32), 2, 0)
    packed: Packed = red << 16 | green << 8 | blue
    return packed


def _from_colors(packed: Packed, name: str, upload: UploadSchema) -> Image.Image:
    """Packed colors => indices by the schema's colors. Raises `Refused` for a color that no class has."""
    indices = np.full(packed.shape, upload.ignore_index, dtype=np.uint8)
    is_known = packed == _NO_COLOR
    for place, color in enumerate(_colors(upload)):
        here = packed == color
        indices[here] = place if place < upload.num_classes else upload.ignore_index
        is_known |= here
    if not is_known.all():
        raise Refused(name, _stranger(packed, is_known))
    return Image.fromarray(indices)


def _stranger(packed: Packed, is_known: NDArray[np.bool_]) -> str:
    """What is said of a color that no class has: the first of them, and where it is."""
    row, column = np.argwhere(~is_known)[0]
    value = int(packed[row, column])
    color = [value >> 16, value >> 8 & 255, value & 255]
    return (
        f"The pixel at column {column}, row {row} has color {color}, which no class has. Correct the mask (saved"
        ' without smoothing), or add the color to "colors", or as "ignore_color", in labelset.json.'
    )
