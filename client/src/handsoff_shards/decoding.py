"""Decode the files of a sample to exact arrays. Class indices stay integers, 16-bit depth stays 16 bits.

Stock decoders damage labels: they turn an index mask into RGB, and 16-bit depth into 8 bits. These keep every value.
"""

import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import UNCERTAINTY_STEPS_PER_NAT

PROBABILITY_STEPS = 255


@dataclass(frozen=True)
class SoftLabels:
    """The most probable classes of each pixel, and their probabilities in steps of 1/255; uint8 [kept, height, width].

    The most probable class is first: that of the mask. The steps of a pixel add up to at most 255; the rest up to 255
    is the probability of all other classes. Pixels that the mask ignores have soft labels, too.
    """

    classes: NDArray[np.uint8]
    steps: NDArray[np.uint8]

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The probabilities of the kept classes, float32 [kept, height, width]."""
        return self.steps.astype(np.float32) / np.float32(PROBABILITY_STEPS)

    def dense(self, num_classes: int) -> NDArray[np.float32]:
        """Return the probability of every class, float32 [num_classes, height, width]; they add up to 1.

        The rest is shared evenly among the classes that are not kept. Raises `InvalidInput` for fewer classes than the
        soft labels have.
        """
        kept, height, width = self.classes.shape
        if int(self.classes.max()) >= num_classes:
            raise InvalidInput(
                f"Expected soft labels of {num_classes} classes, got class {int(self.classes.max())}."
            )
        rest = PROBABILITY_STEPS - self.steps.sum(axis=0, dtype=np.float32)
        spread = rest / np.float32(PROBABILITY_STEPS * max(num_classes - kept, 1))
        dense = np.broadcast_to(spread, (num_classes, height, width)).copy()
        np.put_along_axis(dense, self.classes.astype(np.int64), self.probabilities, axis=0)
        return dense


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """Return an RGB image as uint8 [height, width, 3]."""
    return decode_picture(data)[0]


def decode_picture(data: bytes) -> tuple[NDArray[np.uint8], bytes | None]:
    """Return an RGB image as uint8 [height, width, 3], and its XMP packet, if any, as the file has it."""
    with Image.open(io.BytesIO(data)) as image:
        xmp = image.info.get("xmp")
        return np.array(image.convert("RGB")), xmp if isinstance(xmp, bytes) else None


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


def decode_soft_labels(data: bytes, height: int) -> SoftLabels:
    """Return the soft labels of an image with this height: the planes of a grey PNG, one below the other."""
    with Image.open(io.BytesIO(data)) as image:
        num_planes, left_over = divmod(image.height, height)
        if image.mode != "L" or left_over or num_planes % 2:
            raise InvalidInput(
                f"Expected a grey PNG of an even number of planes with {height} rows as soft labels, got mode"
                f" {image.mode} with {image.height} rows."
            )
        classes, steps = np.array(image).reshape(2, num_planes // 2, height, image.width)
    return SoftLabels(classes, steps)


def decode_keypoints(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return keypoints [num, 3] as x, y, visibility, and the confidence of each [num]."""
    points = json.loads(data)["keypoints"]
    places = [(point["x"], point["y"], point["visibility"]) for point in points]
    confidence = [point.get("confidence", 1.0) for point in points]
    return np.array(places, np.float32).reshape(-1, 3), np.array(confidence, np.float32)
