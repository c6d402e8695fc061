"""One labelled sample: its pixels and labels, how sure the ensemble was, and the files it becomes in a shard."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.batches import ImageFormat
from contracts.schemas import LabelSchema
from workers.codecs.depth import DepthMap, encode_depth
from workers.codecs.images import Pixels, encode_image, encode_mask, encode_uncertainty
from workers.codecs.keypoints import Points, encode_points

IMAGE_SUFFIX: dict[ImageFormat, str] = {"png": "png", "jpeg": "jpg"}
DECIMALS = 6

Files = dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Candidate `attempt` for sample `index` of `seed`; a label of a task that the fit has not learnt is None.

    `uncertainty` is by pixel. `score` is the image's by the first task, `task_scores` by each: in nats for
    segmentation, in pixels for keypoints, in its unit for depth.
    """

    seed: int
    index: int
    attempt: int
    image: Pixels
    uncertainty: NDArray[np.float32]
    score: float
    task_scores: Mapping[str, float]
    mask: Pixels | None = None
    points: Points | None = None
    visibility: Pixels | None = None
    depth: DepthMap | None = None

    def class_pixels(self, num_classes: int) -> NDArray[np.int64]:
        """How many pixels each class has; nothing where there are no masks."""
        if self.mask is None:
            return np.zeros(0, dtype=np.int64)
        return np.bincount(self.mask.ravel(), minlength=num_classes)

    def encode(self, labels: LabelSchema, image_format: ImageFormat) -> Files:
        """The sample's files by name. The first dot ends the key, so a key is digits only."""
        files = {IMAGE_SUFFIX[image_format]: encode_image(self.image, image_format)}
        if self.mask is not None:
            files["mask.png"] = encode_mask(self.mask, labels.colors)
        if self.points is not None and self.visibility is not None and labels.keypoints:
            files["keypoints.json"] = encode_points(self.points, self.visibility, labels.keypoints)
        if self.depth is not None and labels.depth:
            files["depth.png"] = encode_depth(self.depth, labels.depth)
        files["uncertainty.png"] = encode_uncertainty(self.uncertainty)
        files["json"] = json.dumps(self._facts(labels)).encode()
        return {f"{self.index:09d}.{suffix}": data for suffix, data in files.items()}

    def _facts(self, labels: LabelSchema) -> dict[str, object]:
        facts: dict[str, object] = {
            "seed": self.seed,
            "index": self.index,
            "attempt": self.attempt,
            "score": round(self.score, DECIMALS),
            "scores": {task: round(score, DECIMALS) for task, score in self.task_scores.items()},
        }
        if self.mask is not None:
            fractions = self.class_pixels(labels.num_classes) / self.mask.size
            facts["class_fractions"] = {
                name: round(float(fraction), DECIMALS)
                for name, fraction in zip(labels.classes, fractions, strict=True)
            }
        if labels.depth:
            facts["depth"] = labels.depth.model_dump(mode="json")
        return facts
