"""One shard, of a batch or of a stream: its samples rendered, counted and stored as a tar; out comes its record.

The tar is sent while it is rendered. Doing it twice changes nothing: every rendering has a name of its own, and the
first record stands.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from contracts.base import Artefact, now
from contracts.batches import Recipe, ShardRecord
from contracts.ids import uuid7_hex
from contracts.streams import ShardOwner
from handsoff_shards.members import Files
from state import keys, records
from workers.codecs.packing import Packer
from workers.codecs.samples import Sample
from workers.codecs.tars import TarWriter
from workers.rendering.pilots import read_threshold
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine

TAR_TYPE = "application/x-tar"


@dataclass(frozen=True)
class ShardPlace:
    """Whose shard it is, which one, and the samples in it."""

    owner: ShardOwner
    index: int
    samples: range


def render_shard(
    machine: Machine, recipe: Recipe, place: ShardPlace, *, watch: Callable[[int], None]
) -> ShardRecord:
    """Renders and stores the tar of one shard. `watch` is told after each micro-batch how many samples are kept."""
    started_at, clock = now(), time.monotonic()
    threshold = read_threshold(machine, recipe)
    renderer = Renderer(
        machine, recipe.tenant, recipe.fit, seed=recipe.seed, truncation=recipe.truncation
    )
    shard = Shard(recipe)

    def see(samples: list[Sample]) -> None:
        for sample in samples:
            shard.count(sample)
        watch(shard.num_samples)

    samples = renderer.draw(place.samples, threshold, see)
    tar = _store_tar(machine, place, shard, samples)
    return ShardRecord(
        index=place.index,
        tar=tar,
        num_samples=shard.num_samples,
        num_candidates=shard.num_candidates,
        class_pixels=tuple(shard.class_pixels.tolist()),
        class_images=tuple(shard.class_images.tolist()),
        candidate_class_images=tuple(shard.candidate_class_images.tolist()),
        mean_score=shard.mean_score,
        threshold=threshold,
        started_at=started_at,
        finished_at=now(),
        render_seconds=time.monotonic() - clock,
    )


def store_record(machine: Machine, owner: ShardOwner, record: ShardRecord) -> None:
    """The first record of a shard stands; the tar of a twin that comes later goes again."""
    key = keys.shard_record(owner, record.index)
    standing = records.create(machine.store, key, record)
    if standing.tar.key != record.tar.key:
        machine.store.delete(record.tar.key)


def _store_tar(
    machine: Machine, place: ShardPlace, shard: "Shard", samples: Iterable[Sample]
) -> Artefact:
    """Packs the samples while they are rendered, and sends what is packed: neither memory nor disk holds it all."""
    key = keys.shard_tar(place.owner, place.index, uuid7_hex())
    with machine.store.sending(key) as target, TarWriter(target) as tar:
        _pack(tar, place, shard, samples, max_waiting=machine.settings.micro_batch)
    return Artefact(key=key, sha256=tar.sha256, num_bytes=tar.num_bytes, media_type=TAR_TYPE)


def _pack(
    tar: TarWriter,
    place: ShardPlace,
    shard: "Shard",
    samples: Iterable[Sample],
    *,
    max_waiting: int,
) -> None:
    """As many threads encode as torch may use: an accelerator leaves them free, and on a CPU some are idle at times."""
    with Packer(
        tar,
        place.samples,
        shard.encode,
        num_threads=torch.get_num_threads(),
        max_waiting=max_waiting,
    ) as packer:
        for sample in samples:
            shard.keep(sample)
            packer.put(sample)
        packer.finish()


class Shard:
    """A shard in the making: what is counted of the accepted samples and of the others."""

    def __init__(self, recipe: Recipe) -> None:
        self._labels = recipe.labels
        self._image_format = recipe.image_format
        self._scores: dict[int, float] = {}
        self.num_candidates = 0
        self.class_pixels = np.zeros(self._labels.num_classes, dtype=np.int64)
        self.class_images = np.zeros(self._labels.num_classes, dtype=np.int64)
        self.candidate_class_images = np.zeros(self._labels.num_classes, dtype=np.int64)

    @property
    def num_samples(self) -> int:
        return len(self._scores)

    @property
    def mean_score(self) -> float:
        """Added up in the order of the indices, so that the order of rendering leaves no trace."""
        return sum(self._scores[index] for index in sorted(self._scores)) / len(self._scores)

    def count(self, sample: Sample) -> None:
        """Count a candidate, accepted or not."""
        self.num_candidates += 1
        self.candidate_class_images += sample.class_pixels(self._labels.num_classes) > 0

    def keep(self, sample: Sample) -> None:
        """Count an accepted candidate."""
        pixels = sample.class_pixels(self._labels.num_classes)
        self.class_pixels += pixels
        self.class_images += pixels > 0
        self._scores[sample.index] = sample.score

    def encode(self, sample: Sample) -> Files:
        """A sample's files, as the recipe wants them. Called by several threads at once."""
        return sample.encode(self._labels, self._image_format)
