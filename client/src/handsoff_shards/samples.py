"""One labelled sample: its files in, exact arrays out. Class indices stay integers, 16-bit depth stays 16 bits.

Stock decoders ruin labels: they turn an index mask into RGB and 16-bit depth into 8. These change no value.
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

UNCERTAINTY_STEPS_PER_NAT = 255
IMAGE_EXTENSIONS = ("png", "jpg", "jpeg", "webp")


@dataclass(frozen=True)
class Sample:
    """A sample as arrays; None for a label that its batch does not have.

    image: uint8 [height, width, 3]. mask: uint8 [height, width], class indices. keypoints: float32 [num, 3], x and y in
    pixels (the first pixel's centre is 0.5, 0.5) and visibility 0 absent, 1 hidden, 2 visible; `confidence` is theirs.
    depth: uint16 [height, width], as stored: `labels.DepthLabels` has scale, unit and the value for unknown.
    uncertainty: float32 [height, width] in nats, cut off at one. facts: seed, index, score and what else is known.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None
    keypoints: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    depth: NDArray[np.uint16] | None = None
    uncertainty: NDArray[np.float32] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def decode_sample(files: Mapping[str, bytes]) -> Sample:
    """The sample of these files, by extension. Raises `InvalidInput` when there is no image, or a file is another."""
    found = next((name for name in IMAGE_EXTENSIONS if name in files), None)
    if found is None:
        raise InvalidInput(
            f"A sample of {sorted(files)} has no image ({', '.join(IMAGE_EXTENSIONS)})."
        )
    points, confidence = decode_keypoints(files.get("keypoints.json"))
    steps = files.get("uncertainty.png")
    return Sample(
        image=decode_image(files[found]),
        mask=decode_mask(files["mask.png"]) if "mask.png" in files else None,
        keypoints=points,
        confidence=confidence,
        depth=decode_depth(files["depth.png"]) if "depth.png" in files else None,
        uncertainty=None if steps is None else decode_uncertainty(steps),
        facts=json.loads(files["json"]) if "json" in files else {},
    )


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """An RGB image as uint8 [height, width, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """An index mask, palette or grey, as the integers that were written: uint8 [height, width]."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in ("P", "L"):
            raise InvalidInput(
                f"An index mask is a palette or grey PNG, but this one is {image.mode}."
            )
        return np.array(image)


def decode_depth(data: bytes) -> NDArray[np.uint16]:
    """A 16-bit depth PNG as the integers that were written: uint16 [height, width]."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in ("I;16", "I"):
            raise InvalidInput(f"A depth map is a 16-bit grey PNG, but this one is {image.mode}.")
        return np.array(image).astype(np.uint16)


def decode_uncertainty(data: bytes) -> NDArray[np.float32]:
    """Uncertainty in nats, float32 [height, width], from 255 steps to the nat."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image, dtype=np.float32) / np.float32(UNCERTAINTY_STEPS_PER_NAT)


def decode_keypoints(
    data: bytes | None,
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Keypoints as [num, 3] x, y, visibility, and the confidence of each, where there are any."""
    if data is None:
        return None, None
    points = json.loads(data)["keypoints"]
    places = [(point["x"], point["y"], point["visibility"]) for point in points]
    confidence = [point.get("confidence", 1.0) for point in points]
    return np.array(places, np.float32).reshape(-1, 3), np.array(confidence, np.float32)
