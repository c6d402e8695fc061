"""Decode the files of a sample to exact arrays. Class indices stay integers, 16-bit depth stays 16 bits.

Stock decoders damage labels: they turn an index mask into RGB, and 16-bit depth into 8 bits. These keep every value.
"""

import io
import json

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import UNCERTAINTY_STEPS_PER_NAT


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """Return an RGB image as uint8 [height, width, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """Return the integers of an index mask, a palette or grey PNG: uint8 [height, width]."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in ("P", "L"):
            raise InvalidInput(f"Expected a palette or grey PNG as index mask, got {image.mode}.")
        return np.array(image)


def decode_depth(data: bytes) -> NDArray[np.uint16]:
    """Return the integers of a 16-bit depth PNG: uint16 [height, width]."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in ("I;16", "I"):
            raise InvalidInput(f"Expected a 16-bit grey PNG as depth map, got {image.mode}.")
        return np.array(image).astype(np.uint16)


def decode_uncertainty(data: bytes) -> NDArray[np.float32]:
    """Return uncertainty in nats, float32 [height, width], of a PNG with 255 steps per nat."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image, dtype=np.float32) / np.float32(UNCERTAINTY_STEPS_PER_NAT)


def decode_keypoints(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return keypoints [num, 3] as x, y, visibility, and the confidence of each [num]."""
    points = json.loads(data)["keypoints"]
    places = [(point["x"], point["y"], point["visibility"]) for point in points]
    confidence = [point.get("confidence", 1.0) for point in points]
    return np.array(places, np.float32).reshape(-1, 3), np.array(confidence, np.float32)
