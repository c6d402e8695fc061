"""One labelled sample: its pixels, labels and uncertainty, and its files in a shard."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.batches import ImageFormat
from contracts.schemas import LabelSchema
from handsoff_shards.members import (
    DEPTH,
    FACTS,
    IMAGE_EXTENSION_OF,
    KEYPOINTS,
    MASK,
    UNCERTAINTY,
    Files,
)
from handsoff_shards.writing import encode_facts, rounded
from workers.codecs.depth import DepthMap, encode_depth
from workers.codecs.images import Pixels, encode_image, encode_mask, encode_uncertainty
from workers.codecs.keypoints import Points, encode_points


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Candidate `attempt` for sample `index` of `seed`. The label of a task that the fit did not learn is None.

    `uncertainty` is per pixel. `score` is the image's score by the first task; `task_scores` has the score by each
    task: in nats for segmentation, in pixels for keypoints, in the schema's unit for depth.
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
        """Return the number of pixels of each class; an empty array without a mask."""
        if self.mask is None:
            return np.zeros(0, dtype=np.int64)
        return np.bincount(self.mask.ravel(), minlength=num_classes)

    def encode(self, labels: LabelSchema, image_format: ImageFormat) -> Files:
        """Return the sample's files by extension."""
        files = {IMAGE_EXTENSION_OF[image_format]: encode_image(self.image, image_format)}
        if self.mask is not None:
            files[MASK] = encode_mask(self.mask, labels.colors)
        if self.points is not None and self.visibility is not None and labels.keypoints:
            files[KEYPOINTS] = encode_points(self.points, self.visibility, labels.keypoints)
        if self.depth is not None and labels.depth:
            files[DEPTH] = encode_depth(self.depth, labels.depth)
        files[UNCERTAINTY] = encode_uncertainty(self.uncertainty)
        files[FACTS] = self._facts(labels)
        return files

    def _facts(self, labels: LabelSchema) -> bytes:
        facts: dict[str, object] = {}
        if self.mask is not None:
            shares = self.class_pixels(labels.num_classes) / self.mask.size
            by_class = zip(labels.classes, shares.tolist(), strict=True)
            facts["class_fractions"] = rounded(dict(by_class))
        if labels.depth:
            facts["depth"] = labels.depth.model_dump(mode="json")
        return encode_facts(
            seed=self.seed,
            index=self.index,
            attempt=self.attempt,
            score=self.score,
            scores=self.task_scores,
            **facts,
        )
