"""Decode one labelled sample: its files in, exact arrays out. Class indices stay integers, 16-bit depth stays 16 bits.

Stock decoders damage labels: they turn an index mask into RGB, and 16-bit depth into 8 bits. These keep every value.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import (
    DEPTH,
    FACTS,
    IMAGE_EXTENSIONS,
    KEYPOINTS,
    MASK,
    UNCERTAINTY,
    UNCERTAINTY_STEPS_PER_NAT,
    Files,
    image_extension,
)


@dataclass(frozen=True)
class Sample:
    """A sample as arrays; None for a label that its batch does not have.

    image: uint8 [height, width, 3]. mask: uint8 [height, width], class indices. keypoints: float32 [num, 3], x and y in
    pixels (the center of the first pixel is 0.5, 0.5) and visibility 0 absent, 1 hidden, 2 visible. confidence: float32
    [num], of each keypoint. depth: uint16 [height, width], as stored: `labels.DepthLabels` has scale, unit and the
    value for unknown. uncertainty: float32 [height, width] in nats, clipped at 1. facts: seed, index, score and others.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None
    keypoints: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    depth: NDArray[np.uint16] | None = None
    uncertainty: NDArray[np.float32] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def decode_sample(files: Files) -> Sample:
    """Return the sample of these files. Raises `InvalidInput` for a missing image or a wrong kind of file."""
    extension = image_extension(files)
    if extension is None:
        raise InvalidInput(
            f"Expected an image ({', '.join(IMAGE_EXTENSIONS)}) in the sample, got {sorted(files)}."
        )
    points, confidence = decode_keypoints(files.get(KEYPOINTS))
    steps = files.get(UNCERTAINTY)
    return Sample(
        image=decode_image(files[extension]),
        mask=decode_mask(files[MASK]) if MASK in files else None,
        keypoints=points,
        confidence=confidence,
        depth=decode_depth(files[DEPTH]) if DEPTH in files else None,
        uncertainty=None if steps is None else decode_uncertainty(steps),
        facts=json.loads(files[FACTS]) if FACTS in files else {},
    )


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


def decode_keypoints(
    data: bytes | None,
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Return keypoints [num, 3] as x, y, visibility, and the confidence of each; None twice without a file."""
    if data is None:
        return None, None
    points = json.loads(data)["keypoints"]
    places = [(point["x"], point["y"], point["visibility"]) for point in points]
    confidence = [point.get("confidence", 1.0) for point in points]
    return np.array(places, np.float32).reshape(-1, 3), np.array(confidence, np.float32)
