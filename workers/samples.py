"""One labelled sample: its pixels, how sure the ensemble was, and the four files it becomes in a shard."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.batches import ImageFormat
from workers.images import Pixels, encode_image, encode_mask, encode_uncertainty

IMAGE_SUFFIX: dict[ImageFormat, str] = {"png": "png", "jpeg": "jpg"}

Files = dict[str, bytes]


@dataclass(frozen=True)
class Sample:
    """Candidate `attempt` for sample `index` of `seed`. `uncertainty` is by pixel and `score` the image's, in nats."""

    seed: int
    index: int
    attempt: int
    image: Pixels
    mask: Pixels
    uncertainty: NDArray[np.float32]
    score: float

    def class_pixels(self, num_classes: int) -> NDArray[np.int64]:
        """How many pixels each class has."""
        return np.bincount(self.mask.ravel(), minlength=num_classes)

    def encode(self, classes: tuple[str, ...], image_format: ImageFormat) -> Files:
        """The sample's files by name. The first dot ends the key, so a key is digits only."""
        key = f"{self.index:09d}"
        return {
            f"{key}.{IMAGE_SUFFIX[image_format]}": encode_image(self.image, image_format),
            f"{key}.mask.png": encode_mask(self.mask),
            f"{key}.uncertainty.png": encode_uncertainty(self.uncertainty),
            f"{key}.json": self._facts(classes),
        }

    def _facts(self, classes: tuple[str, ...]) -> bytes:
        fractions = self.class_pixels(len(classes)) / self.mask.size
        facts = {
            "seed": self.seed,
            "index": self.index,
            "attempt": self.attempt,
            "score": round(self.score, 6),
            "class_fractions": {
                name: round(float(fraction), 6)
                for name, fraction in zip(classes, fractions, strict=True)
            },
        }
        return json.dumps(facts).encode()
