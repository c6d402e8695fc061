"""Labels one shard of real images: decoded images in, a stored tar and its record out.

Labelling twice changes nothing: each tar has a different key, and the first record counts.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from contracts.base import Artefact, now
from contracts.ids import uuid7_hex
from contracts.labelings import (
    LabelingRequest,
    LabelingShardRecord,
    LabelledImage,
    PixelBox,
)
from handsoff_shards import originals
from handsoff_shards.members import FACTS
from handsoff_shards.writing import FACT_DECIMALS, encode_real_facts, rounded
from models.tasks.task import LabelOptions
from state import keys, records
from state.store import Store
from workers.codecs.images import Pixels
from workers.codecs.samples import encode_labels
from workers.codecs.segmentation import SegmentationCodec, class_pixels, ignored_pixels
from workers.codecs.tars import TarWriter
from workers.codecs.task import Fields
from workers.fitting.reframing import reframed_image
from workers.labeling.labeler import Expression, Labeler, LabelledImages, Unlabelled
from workers.labeling.originals import part_of
from workers.labeling.reading import Original, ReadImages

TAR_TYPE = "application/x-tar"

MAX_INVERTED = 64
"""Images that are inverted before the first of them is labelled: their reconstructions stay in memory."""

INVERSION_SHARE = 0.95
"""The share of the time that an optimized inversion takes; an exact one takes none."""

OnShare = Callable[[float], None]
"""Gets the share of the shard that is done, from 0 to 1."""


def label_shard(
    store: Store,
    request: LabelingRequest,
    labeler: Labeler,
    index: int,
    images: ReadImages,
    *,
    on_share: OnShare,
) -> LabelingShardRecord:
    """Label the images of one shard and store their tar. The caller writes the record."""
    started_at, clock = now(), time.monotonic()
    shard = _Shard(labeler, images)
    tar = _store_tar(store, request, shard, index, on_share) if images.originals else None
    return LabelingShardRecord(
        index=index,
        tar=tar,
        images=tuple(shard.labelled),
        unreadable=images.unreadable,
        class_pixels=tuple(shard.class_pixels.tolist()),
        class_images=tuple(shard.class_images.tolist()),
        ignored_pixels=shard.ignored_pixels,
        started_at=started_at,
        finished_at=now(),
        label_seconds=time.monotonic() - clock,
    )


def store_record(store: Store, request: LabelingRequest, record: LabelingShardRecord) -> None:
    """Store the record unless the shard has one; then delete the later tar.

    If the labeling was deleted meanwhile, neither stays.
    """
    if records.is_deleted(store, request.ref):
        if record.tar is not None:
            store.delete(record.tar.key)
        return
    first = records.create(store, keys.shard_record(request.ref, record.index), record)
    if record.tar is not None and first.tar != record.tar:
        store.delete(record.tar.key)


def read_records(store: Store, request: LabelingRequest) -> Mapping[int, LabelingShardRecord]:
    """Return the records of all labelled shards, by index."""
    found = {}
    for index in records.finished_shards(store, request.ref):
        record = records.read(store, keys.shard_record(request.ref, index), LabelingShardRecord)
        if record is not None:
            found[index] = record
    return found


def _store_tar(
    store: Store, request: LabelingRequest, shard: "_Shard", index: int, on_share: OnShare
) -> Artefact:
    """Invert the images, which takes long, then send the tar while they are labelled."""
    key = keys.shard_tar(request.ref, index, uuid7_hex())
    samples = shard.label(request, on_share)
    first = next(samples)
    with store.sending(key) as target, TarWriter(target) as tar:
        for sample in chain([first], samples):
            files, facts = encode_labels(
                sample, shard.labeler.codecs, request.labels, request.image_format
            )
            tar.add(sample.fact.index, {**files, FACTS: _facts(sample.fact, facts)})
    return Artefact(key=key, sha256=tar.sha256, num_bytes=tar.num_bytes, media_type=TAR_TYPE)


@dataclass(frozen=True)
class _Sample:
    """One labelled image, and its facts."""

    image: Pixels
    uncertainty: NDArray[np.float32]
    labels: Mapping[str, Fields]
    fact: LabelledImage


class _Shard:
    """Labels the images of a shard and counts the labels."""

    def __init__(self, labeler: Labeler, images: ReadImages) -> None:
        self.labeler = labeler
        self._images = images
        self.labelled: list[LabelledImage] = []
        self.class_pixels = np.zeros(labeler.labels.num_classes, dtype=np.int64)
        self.class_images = np.zeros(labeler.labels.num_classes, dtype=np.int64)
        self.ignored_pixels = 0

    def label(self, request: LabelingRequest, on_share: OnShare) -> Iterator[_Sample]:
        """Yield the labelled images, in order."""
        total = len(self._images.originals)
        for first in range(0, total, MAX_INVERTED):
            piece = slice(first, min(first + MAX_INVERTED, total))

            def share(of_piece: float, piece: slice = piece) -> None:
                on_share((piece.start + of_piece * (piece.stop - piece.start)) / total)

            for sample in self._label_piece(request, piece, share):
                self._count(sample)
                yield sample

    def _label_piece(
        self, request: LabelingRequest, piece: slice, on_share: OnShare
    ) -> Iterator[_Sample]:
        originals = self._images.originals[piece]
        pixels = [reframed_image(one, self.labeler.framing) for one in self._images.pixels[piece]]
        conditions = None if request.condition is None else [request.condition] * len(pixels)
        inverting = 0.0 if self.labeler.inverter.inverter.is_exact else INVERSION_SHARE

        def step(stage: str, done: int, total: int) -> None:
            is_inverting = stage == "inverting"
            share = done / total * (inverting if is_inverting else 1 - inverting)
            on_share(share if is_inverting else inverting + share)

        options = LabelOptions(request.soft_labels, request.ignore_above)
        for part in self.labeler.label(Unlabelled(pixels, conditions), step, options):
            for place, index in enumerate(part.indices):
                yield self._sample(part, place, pixels[index], originals[index])

    def _sample(
        self, part: LabelledImages, place: int, image: Pixels, original: Original
    ) -> _Sample:
        rendered = part.rendered
        scores = {task: float(every[place]) for task, every in rendered.task_scores.items()}
        box = part_of(original.box, self.labeler.framing.box)
        return _Sample(
            image=image,
            uncertainty=rendered.uncertainty[place].numpy(),
            labels={
                codec.name: codec.fields(rendered.labels[codec.name], place)
                for codec in self.labeler.codecs
            },
            fact=_fact(
                original, box, float(rendered.scores[place]), scores, part.expressions[place]
            ),
        )

    def _count(self, sample: _Sample) -> None:
        self.labelled.append(sample.fact)
        masks = sample.labels.get(SegmentationCodec.name)
        pixels = class_pixels(masks, self.labeler.labels.num_classes)
        self.class_pixels += pixels
        self.class_images += pixels > 0
        self.ignored_pixels += ignored_pixels(masks)


def _fact(
    original: Original,
    box: PixelBox,
    score: float,
    scores: Mapping[str, float],
    expression: Expression,
) -> LabelledImage:
    distance = expression.perceptual_distance
    return LabelledImage(
        index=original.index,
        name=original.name,
        width_px=original.size[0],
        height_px=original.size[1],
        box=box,
        score=round(score, FACT_DECIMALS),
        scores=rounded(scores),
        expressibility=round(expression.expressibility, FACT_DECIMALS),
        is_expressible=expression.is_expressible,
        psnr_db=round(expression.psnr_db, 3),
        perceptual_distance=None if distance is None else round(distance, 4),
    )


def _facts(fact: LabelledImage, labels: Mapping[str, object]) -> bytes:
    """Return the `json` file of an image."""
    box = (fact.box.left, fact.box.top, fact.box.right, fact.box.bottom)
    return encode_real_facts(
        index=fact.index,
        original=originals.Original(fact.name, fact.width_px, fact.height_px, box),
        score=fact.score,
        scores=fact.scores,
        expressibility=fact.expressibility,
        is_expressible=fact.is_expressible,
        **labels,
    )
