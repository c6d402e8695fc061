"""One labelled sample: its pixels and labels, the ensemble's uncertainty, and its files in a shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contracts.recipes.recipe import ImageFormat, PinnedFit
from contracts.schemas import LabelSchema
from handsoff_shards.members import FACTS, IMAGE_EXTENSION_OF, UNCERTAINTY, Files
from handsoff_shards.provenance.record import Provenance
from handsoff_shards.writing import encode_facts
from workers.codecs.images import Pixels, encode_image, encode_uncertainty
from workers.codecs.task import Fields, TaskCodec


class Labelled(Protocol):
    """An image with its labels and their uncertainty."""

    @property
    def image(self) -> Pixels: ...
    @property
    def uncertainty(self) -> NDArray[np.float32]: ...
    @property
    def labels(self) -> Mapping[str, Fields]: ...


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Candidate `attempt` for sample `index` of `seed`, with the labels of each task by its name.

    `condition` is the requested class of a class-conditional generator. `uncertainty` is per pixel. `score` is the
    image's uncertainty on the first task; `task_scores` has all tasks: in nats for segmentation, in pixels for
    keypoints, in the schema's unit for depth.
    """

    seed: int
    index: int
    attempt: int
    condition: int | None = None
    image: Pixels
    uncertainty: NDArray[np.float32]
    score: float
    task_scores: Mapping[str, float]
    labels: Mapping[str, Fields]

    def encode(
        self,
        codecs: Sequence[TaskCodec],
        labels: LabelSchema,
        image_format: ImageFormat,
        fit: PinnedFit | None = None,
    ) -> Files:
        """Return the sample's files by extension. With a fit, the image states its provenance as XMP."""
        xmp = b"" if fit is None else self._provenance(fit).packet()
        files, facts = encode_labels(self, codecs, labels, image_format, xmp)
        if self.condition is not None:
            facts = {"condition": self.condition} | facts
        files[FACTS] = encode_facts(
            seed=self.seed,
            index=self.index,
            attempt=self.attempt,
            score=self.score,
            scores=self.task_scores,
            **facts,
        )
        return files

    def _provenance(self, fit: PinnedFit) -> Provenance:
        return Provenance(fit.id, fit.known_digest, self.seed, self.index, self.attempt)


def encode_labels(
    sample: Labelled,
    codecs: Sequence[TaskCodec],
    labels: LabelSchema,
    image_format: ImageFormat,
    xmp: bytes = b"",
) -> tuple[dict[str, bytes], dict[str, object]]:
    """Return the files of image, labels and uncertainty by extension, and the facts about the labels.

    `xmp` is a packet for the image alone.
    """
    files = {IMAGE_EXTENSION_OF[image_format]: encode_image(sample.image, image_format, xmp)}
    facts: dict[str, object] = {}
    for codec in codecs:
        fields = sample.labels[codec.name]
        files[codec.extension] = codec.encode(fields, labels)
        files |= codec.companions(fields)
        facts |= codec.facts(fields, labels)
    files[UNCERTAINTY] = encode_uncertainty(sample.uncertainty)
    return files, facts
