"""Reads one depth map that nobody trusts: a 16-bit PNG whose values the schema scales, or float32 npy.

Out: the same values without anything else of the file: 16-bit PNG, or npy with NaN where nothing is known.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from app.decoding.images import Picture, encode_png, open_picture
from app.decoding.parts import Named
from app.decoding.protocol import Suffix
from app.decoding.refusal import Notices, Refused, reason
from contracts.labelsets import DepthRange
from contracts.schemas import MAX_DEPTH_VALUE, DepthSchema

_DEEP_MODE = "I;16"


@dataclass(frozen=True)
class DepthMap:
    """A depth map as it is stored: its bytes, their kind, what is known; and whether its own EXIF turned it."""

    data: bytes
    suffix: Suffix
    known: DepthRange
    is_turned: bool


def read_depth(
    file: Named, size: tuple[int, int], *, max_pixels: int, schema: DepthSchema, notices: Notices
) -> DepthMap:
    """The depth map of an image of `size` (width, height).

    Raises `Refused` for another depth of bits, another size, values that are no depths, and when nothing is known.
    """
    name = file.name
    if name.lower().endswith(".npy"):
        depth = _forget_unknown(_read_npy(file.path, name, size), name, schema, notices)
        known = _known_range(depth, name)
        _check_reach(known.farthest, name, schema)
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(depth, dtype="<f4"))
        return DepthMap(buffer.getvalue(), "npy", known, is_turned=False)
    picture = _read_png(file.path, name, max_pixels, notices)
    _check_size(picture.image.size, name, size)
    values = np.asarray(picture.image)
    depth = values.astype(np.float32) * np.float32(schema.scale)
    if schema.unknown is not None:
        depth[values == schema.unknown] = np.nan
    known = _known_range(depth, name)
    return DepthMap(encode_png(picture.image), "png", known, picture.is_turned)


def _read_png(path: Path, name: str, max_pixels: int, notices: Notices) -> Picture:
    picture = open_picture(path, name, ("PNG",), max_pixels, notices=notices)
    if picture.image.mode != _DEEP_MODE:
        detail = (
            f"The depth map is in mode {picture.image.mode}; 16-bit grey was expected. Save it as a 16-bit PNG, or as"
            " float32 with numpy.save."
        )
        raise Refused(name, detail)
    return picture


def _read_npy(path: Path, name: str, size: tuple[int, int]) -> NDArray[np.float32]:
    """The header is judged before a value is read: one that lies claims no memory, and nothing is ever executed."""
    try:
        with path.open("rb") as file:
            _check_size(_read_shape(file)[::-1], name, size)
        return np.array(np.load(path, allow_pickle=False), dtype=np.float32)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # the header is a Python literal: its parser raises what it meets
        detail = (
            f"This is not an array of [height, width] in float32 ({reason(error)})."
            " Save it by numpy.save(file, depth.astype(numpy.float32))."
        )
        raise Refused(name, detail) from error


def _forget_unknown(
    depth: NDArray[np.float32], name: str, schema: DepthSchema, notices: Notices
) -> NDArray[np.float32]:
    """NaN where the array has the value that would be written as `unknown`: 0 unless the schema says otherwise."""
    if schema.unknown is None:
        return depth
    value = np.float32(schema.unknown * schema.scale)
    is_unknown = depth == value
    if is_unknown.any():
        detail = (
            f"Pixels of depth {value:g} were read as not known, since depth.unknown is {schema.unknown}. Where"
            ' they are depths, set "unknown": null in labelset.json.'
        )
        notices.add("depth_unknown_in_npy", detail, name)
        depth[is_unknown] = np.nan
    return depth


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
