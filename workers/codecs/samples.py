"""One labelled sample: its pixels and labels, the ensemble's uncertainty, and the files that it becomes in a shard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.batches import ImageFormat
from contracts.schemas import LabelSchema
from workers.codecs.images import Pixels, encode_image, encode_uncertainty
from workers.codecs.task import Fields, Files, TaskCodec

IMAGE_SUFFIX: dict[ImageFormat, str] = {"png": "png", "jpeg": "jpg"}
DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Candidate `attempt` for sample `index` of `seed`, with the labels of each task by its name.

    `uncertainty` is by pixel. `score` is that of the image on the first task, `task_scores` those on each: in nats for
    segmentation, in pixels for keypoints, in its unit for depth.
    """

    seed: int
    index: int
    attempt: int
    image: Pixels
    uncertainty: NDArray[np.float32]
    score: float
    task_scores: Mapping[str, float]
    labels: Mapping[str, Fields]

    def encode(
        self, codecs: Sequence[TaskCodec], labels: LabelSchema, image_format: ImageFormat
    ) -> Files:
        """Return the sample's files by name. The first dot ends the key, so a key is digits only."""
        files = {IMAGE_SUFFIX[image_format]: encode_image(self.image, image_format)}
        for codec in codecs:
            files[codec.suffix] = codec.encode(self.labels[codec.name], labels)
        files["uncertainty.png"] = encode_uncertainty(self.uncertainty)
        files["json"] = json.dumps(self._facts(codecs, labels)).encode()
        return {f"{self.index:09d}.{suffix}": data for suffix, data in files.items()}

    def _facts(self, codecs: Sequence[TaskCodec], labels: LabelSchema) -> dict[str, object]:
        facts: dict[str, object] = {
            "seed": self.seed,
            "index": self.index,
            "attempt": self.attempt,
            "score": round(self.score, DECIMALS),
            "scores": {task: round(score, DECIMALS) for task, score in self.task_scores.items()},
        }
        for codec in codecs:
            facts |= codec.facts(self.labels[codec.name], labels)
        return facts
