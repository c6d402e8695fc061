"""Reads one depth map that nobody trusts: a 16-bit PNG whose values the schema scales, or float32 npy.

Out: the same values without anything else of the file: 16-bit PNG, or npy with NaN where nothing is known.
"""

import io
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import Image

from app.decoding.images import encode_png, open_picture
from app.decoding.protocol import Suffix
from app.decoding.refusal import Refused
from contracts.labelsets import DepthRange
from contracts.schemas import MAX_DEPTH_VALUE, DepthSchema

_DEEP_MODE = "I;16"


def read_depth(
    path: Path, name: str, size: tuple[int, int], *, max_pixels: int, schema: DepthSchema
) -> tuple[bytes, Suffix, DepthRange]:
    """The map's bytes as they are stored, their kind, and what is known. `size` is that of the image, (width, height).

    Raises `Refused` for another depth of bits, another size, values that are no depths, and when nothing is known.
    """
    if name.lower().endswith(".npy"):
        depth = _read_npy(path, name, size)
        found = _known_range(depth, name)
        _check_reach(found.farthest, name, schema)
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(depth, dtype="<f4"))
        return buffer.getvalue(), "npy", found
    picture = _read_png(path, name, max_pixels)
    _check_size(picture.size, name, size)
    values = np.asarray(picture)
    depth = values.astype(np.float32) * np.float32(schema.scale)
    if schema.unknown is not None:
        depth[values == schema.unknown] = np.nan
    return encode_png(picture), "png", _known_range(depth, name)


def _read_png(path: Path, name: str, max_pixels: int) -> Image.Image:
    picture = open_picture(path, name, ("PNG",), max_pixels)
    if picture.mode != _DEEP_MODE:
        detail = (
            f"The depth map is in mode {picture.mode}; 16-bit grey was expected. Save it as a 16-bit PNG, or as"
            " float32 with numpy.save."
        )
        raise Refused(name, detail)
    return picture


def _read_npy(path: Path, name: str, size: tuple[int, int]) -> NDArray[np.float32]:
    """The header is judged before a value is read: one that lies claims no memory, and nothing is ever executed."""
    try:
        with path.open("rb") as file:
            _check_size(_read_shape(file)[::-1], name, size)
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    except (ValueError, EOFError) as error:
        detail = (
            f"This is not an array of [height, width] in float32 ({error})."
            " Save it by numpy.save(file, depth.astype(numpy.float32))."
        )
        raise Refused(name, detail) from error


def _read_shape(file: IO[bytes]) -> tuple[int, ...]:
    """The shape in an npy file's header. Raises `ValueError` unless it is two-dimensional and float32."""
    version = npy_format.read_magic(file)
    read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"its version is {version}")
    shape, _, dtype = read[version](file)
    if dtype != np.float32 or len(shape) != 2:
        raise ValueError(f"its type is {dtype} and its shape {list(shape)}")
    return tuple(shape)


def _check_size(found: tuple[int, ...], name: str, size: tuple[int, int]) -> None:
    if tuple(found) != size:
        detail = (
            f"The depth map is {found[0]} x {found[1]}, its image (upright) {size[0]} x {size[1]}."
            " Make them the same size."
        )
        raise Refused(name, detail)


def _known_range(depth: NDArray[np.float32], name: str) -> DepthRange:
    known = depth[~np.isnan(depth)]
    if known.size == 0:
        detail = "No pixel of it is known: it labels nothing. Fill it, or leave the file out."
        raise Refused(name, detail)
    nearest, farthest = float(known.min()), float(known.max())
    if nearest < 0 or not np.isfinite(farthest):
        detail = (
            f"Its values reach from {nearest:g} to {farthest:g}; a depth is finite and not negative. Write NaN where"
            " nothing is known."
        )
        raise Refused(name, detail)
    return DepthRange(nearest=nearest, farthest=farthest, num_pixels=known.size)


def _check_reach(farthest: float, name: str, schema: DepthSchema) -> None:
    """Generated depth is written in steps of `scale`: what real depth cannot be written in it could not be learnt."""
    reach = schema.scale * MAX_DEPTH_VALUE
    if farthest > reach:
        detail = (
            f"It reaches to {farthest:g} {schema.unit}, but 16-bit values of scale {schema.scale:g} only to {reach:g}."
            f" Give a depth scale of at least {farthest / MAX_DEPTH_VALUE:.3g} in labelset.json."
        )
        raise Refused(name, detail)
