"""Reads one untrusted depth map: a 16-bit PNG with the schema's scale, or an npy of floats.

Returns the same values without other content of the file: 16-bit PNG, or npy with NaN for unknown depth.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from app.decoding.images import LoadedImage, encode_png, load_image
from app.decoding.protocol import SpooledFile, Suffix
from app.decoding.refusal import Notices, Refused, reason
from contracts.labelsets import DepthRange
from contracts.schemas import MAX_DEPTH_VALUE, DepthSchema

_DEPTH_MODE = "I;16"
_WITH_CHANNELS = 3
"""The axes of an array with one more for its only channel or image."""
_MAX_ITEM_BYTES = 8


@dataclass(frozen=True)
class DepthMap:
    """A stored depth map: bytes, format, its depths, and whether its EXIF orientation was applied."""

    data: bytes
    suffix: Suffix
    depths: DepthRange
    is_reoriented: bool


def read_depth(
    file: SpooledFile,
    size: tuple[int, int],
    *,
    max_pixels: int,
    schema: DepthSchema,
    notices: Notices,
) -> DepthMap:
    """Return the depth map of an image of `size` (width, height) in pixels.

    Raises `Refused` for another bit depth or size, for invalid depths, and if no pixel has a depth.
    """
    name = file.name
    if name.lower().endswith(".npy"):
        depth = _mask_unknown(_read_npy(file.path, name, size, schema.unit), name, schema, notices)
        depths = _range_of(depth, name)
        _check_reach(depths.farthest, name, schema)
        buffer = io.BytesIO()
        # Little-endian C order, whatever the upload has, so that readers need one case.
        np.save(buffer, np.ascontiguousarray(depth, dtype="<f4"))
        return DepthMap(buffer.getvalue(), "npy", depths, is_reoriented=False)
    loaded = _read_png(file.path, name, max_pixels, notices)
    _check_size(loaded.image.size, name, size)
    values = np.asarray(loaded.image)
    # Only for the range: the PNG itself is stored with its 16-bit values.
    depth = values.astype(np.float32) * np.float32(schema.scale)
    if schema.unknown is not None:
        depth[values == schema.unknown] = np.nan
    depths = _range_of(depth, name)
    return DepthMap(encode_png(loaded.image), "png", depths, loaded.is_reoriented)


def _read_png(path: Path, name: str, max_pixels: int, notices: Notices) -> LoadedImage:
    loaded = load_image(path, name, ("PNG",), max_pixels, notices=notices)
    if loaded.image.mode != _DEPTH_MODE:
        detail = (
            f"Expected a 16-bit grey depth map, got mode {loaded.image.mode}. Save it as a 16-bit PNG, or as float32"
            " with numpy.save."
        )
        raise Refused(name, detail)
    return loaded


def _read_npy(path: Path, name: str, size: tuple[int, int], unit: str) -> NDArray[np.float32]:
    """Return the array of an npy file. Its header is checked first, so a forged one cannot claim memory or run code."""
    try:
        with path.open("rb") as file:
            # NumPy's shape is (height, width), `size` is (width, height).
            shape = _read_shape(file)
            _check_size(shape[::-1], name, size)
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which is refused
            return np.array(np.load(path, allow_pickle=False), dtype=np.float32).reshape(shape)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # the header is a Python literal, whose parser raises any exception
        detail = (
            f"Expected an array of floats of shape [height, width], got another file ({reason(error)})."
            f" Save it by numpy.save(file, depth.astype(numpy.float32)), with depths in {unit}."
        )
        raise Refused(name, detail) from error


def _mask_unknown(
    depth: NDArray[np.float32], name: str, schema: DepthSchema, notices: Notices
) -> NDArray[np.float32]:
    """Replace the depth of the schema's `unknown` value (0 by default) by NaN, with a warning."""
    if schema.unknown is None:
        return depth
    value = np.float32(schema.unknown * schema.scale)
    is_unknown = depth == value
    if is_unknown.any():
        detail = (
            f"Pixels of depth {value:g} were read as unknown, because depth.unknown is {schema.unknown}. If"
            ' they are real depths, set "unknown": null in labelset.json.'
        )
        notices.add("depth_unknown_in_npy", detail, name)
        depth[is_unknown] = np.nan
    return depth


def _read_shape(file: IO[bytes]) -> tuple[int, ...]:
    """Return the shape [height, width] in an npy file's header; an axis of 1 for channels or a batch is left out.

    Raises `ValueError` for another shape, or another type than floats of 16 to 64 bits. Whole numbers are no depths in
    the unit: they are usually steps.
    """
    version = npy_format.read_magic(file)
    read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"its version is {version}")
    shape, _, dtype = read[version](file)
    plane = shape[1:] if len(shape) == _WITH_CHANNELS and shape[0] == 1 else shape
    plane = plane[:2] if len(plane) == _WITH_CHANNELS and plane[2] == 1 else plane
    if dtype.kind != "f" or dtype.itemsize > _MAX_ITEM_BYTES or len(plane) != 2:
        raise ValueError(f"its type is {dtype} and its shape {list(shape)}")
    return tuple(plane)


def _check_size(actual: tuple[int, ...], name: str, size: tuple[int, int]) -> None:
    if tuple(actual) != size:
        detail = (
            f"Expected a depth map of {size[0]} x {size[1]} pixels, like the upright image, got {actual[0]} x"
            f" {actual[1]}. Make them the same size."
        )
        raise Refused(name, detail)


def _range_of(depth: NDArray[np.float32], name: str) -> DepthRange:
    measured = depth[~np.isnan(depth)]
    if measured.size == 0:
        detail = (
            "Expected at least one pixel with a depth, got none. Add depths, or remove the file."
        )
        raise Refused(name, detail)
    nearest, farthest = float(measured.min()), float(measured.max())
    if nearest < 0 or not np.isfinite(farthest):
        detail = (
            f"Expected finite depths that are not negative, got {nearest:g} to {farthest:g}. Write NaN for unknown"
            " depths."
        )
        raise Refused(name, detail)
    return DepthRange(nearest=nearest, farthest=farthest, num_pixels=measured.size)


def _check_reach(farthest: float, name: str, schema: DepthSchema) -> None:
    """Refuse depths beyond 16-bit values of `scale`: generated depth is written in that format."""
    reach = schema.scale * MAX_DEPTH_VALUE
    if farthest > reach:
        detail = (
            f"Expected depths up to {reach:g} {schema.unit}, the limit of 16 bits at scale {schema.scale:g}, got"
            f" {farthest:g}. Set a depth scale of at least {farthest / MAX_DEPTH_VALUE:.3g} in labelset.json."
        )
        raise Refused(name, detail)
