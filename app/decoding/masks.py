"""Reads one mask that nobody trusts: class indices as they are, or colours that the schema gives the classes.

Out: 8-bit class indices in mode L.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.decoding.images import open_picture
from app.decoding.protocol import UploadSchema
from app.decoding.refusal import Refused
from contracts.schemas import LabelSchema

_MASK_MODES = {"L", "P", "1"}
_MAX_NAMED_VALUES = 5


def read_mask(path: Path, name: str, max_pixels: int, upload: UploadSchema) -> Image.Image:
    """Class indices in mode L: a palette's index, a grey value, 0 and 1, or the index of the class with that colour."""
    mask = open_picture(path, name, ("PNG",), max_pixels)
    if mask.mode == "RGB" and upload.colours is not None:
        return _from_colours(mask, name, upload)
    if mask.mode not in _MASK_MODES:
        detail = (
            f"The mask is in mode {mask.mode}; class indices were expected, as a palette or 8-bit grey PNG. Replace"
            ' each colour by the index of its class, or save it as RGB and give "colours" in labelset.json.'
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


def _from_colours(mask: Image.Image, name: str, upload: UploadSchema) -> Image.Image:
    """RGB => indices by the schema's colours. Raises `Refused` for a colour that no class has."""
    red, green, blue = np.moveaxis(np.asarray(mask).astype(np.uint32), 2, 0)
    packed: NDArray[np.uint32] = red << 16 | green << 8 | blue
    indices = np.zeros(packed.shape, dtype=np.uint8)
    is_known = np.zeros(packed.shape, dtype=bool)
    of_index = dict(enumerate(upload.colours or ()))
    if upload.ignore_colour is not None:
        of_index[upload.ignore_index] = upload.ignore_colour
    for index, colour in of_index.items():
        here = packed == (colour[0] << 16 | colour[1] << 8 | colour[2])
        indices[here] = index
        is_known |= here
    if not is_known.all():
        raise Refused(name, _stranger(packed, is_known))
    return Image.fromarray(indices)


def _stranger(packed: NDArray[np.uint32], is_known: NDArray[np.bool_]) -> str:
    """What is said of a colour that no class has: the first of them, and where it is."""
    row, column = np.argwhere(~is_known)[0]
    value = int(packed[row, column])
    colour = [value >> 16, value >> 8 & 255, value & 255]
    return (
        f"The pixel at column {column}, row {row} has colour {colour}, which no class has. Correct the mask (saved"
        ' without smoothing), or add the colour to "colours", or as "ignore_colour", in labelset.json.'
    )
