"""Depth maps between bytes, arrays and pictures: float32 [height, width] in the schema's unit, NaN where unknown."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.labelsets import NPY_TYPE
from contracts.schemas import DepthSchema
from handsoff_shards.writing import depth_steps
from workers.codecs import png
from workers.codecs.images import Pixels

DepthMap = NDArray[np.float32]

UNKNOWN_COLOUR = (60, 0, 80)


def decode_depth(data: bytes, media_type: str, schema: DepthSchema) -> DepthMap:
    """A map as the app has stored it: npy as it is, 16-bit PNG by the schema's scale."""
    if media_type == NPY_TYPE:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), dtype=np.float32)
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        values = np.asarray(image)
    depth = values.astype(np.float32) * np.float32(schema.scale)
    if schema.unknown is not None:
        depth[values == schema.unknown] = np.nan
    return depth


def encode_depth(depth: DepthMap, schema: DepthSchema) -> bytes:
    """A generated map as 16-bit PNG in steps of the schema's scale."""
    return png.encode(depth_steps(depth, schema.scale, schema.unknown))


def resized_depth(depth: DepthMap, px: tuple[int, int]) -> DepthMap:
    """A map at (height, width) by nearest neighbour: no depth between two surfaces is invented."""
    if depth.shape == px:
        return depth
    return np.asarray(Image.fromarray(depth).resize(px[::-1], Image.Resampling.NEAREST))


def shaded(depth: DepthMap, like: DepthMap) -> Pixels:
    """A map as an RGB picture: the nearest of `like` white, its farthest black, unknown violet."""
    known = like[~np.isnan(like)]
    nearest, farthest = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    share = (farthest - depth) / max(farthest - nearest, 1e-9)
    grey = np.rint(np.clip(np.nan_to_num(share), 0, 1) * 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[np.isnan(depth)] = UNKNOWN_COLOUR
    return picture
