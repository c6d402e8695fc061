"""Renders one shard of a batch or a stream: samples in, a stored tar and its record out.

The tar is sent during rendering. Rendering twice changes nothing: each rendering has a different key, and the first
record counts.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from redis.exceptions import RedisError

from contracts.accounts.usage import Usage
from contracts.base import Artefact, now
from contracts.batches import ShardRecord
from contracts.ids import uuid7_hex
from contracts.jobs import JobRef
from contracts.recipes.pilots import TargetPlan
from contracts.recipes.recipe import Recipe
from contracts.recipes.targets import class_targets
from contracts.streams import ShardOwner, StreamRef, StreamRequest
from handsoff_shards.members import Files
from models.tasks.task import LabelOptions
from state import keys, records
from state.admission.costs import Cost, Costs
from state.process.tracing import span
from state.store import Store
from workers.codecs.packing import Packer
from workers.codecs.samples import Sample
from workers.codecs.segmentation import SegmentationCodec, class_pixels, ignored_pixels
from workers.codecs.tars import TarWriter
from workers.codecs.task import TaskCodec, codecs_of
from workers.rendering.pilots import read_plan, read_threshold
from workers.rendering.plans import shift_of_plan
from workers.rendering.rendering import Renderer
from workers.rendering.selection import Selection
from workers.rendering.steering import steered_by
from workers.rendering.targeting import Targeting
from workers.runtime.machine import Machine
from workers.runtime.metrics import CANDIDATES, SAMPLES

TAR_TYPE = "application/x-tar"


@dataclass(frozen=True)
class ShardSpec:
    """The owner of a shard, its index and its samples."""

    owner: ShardOwner
    index: int
    samples: range


def render_shard(
    machine: Machine,
    recipe: Recipe,
    spec: ShardSpec,
    *,
    on_step: Callable[[int], None],
    steering_version: int | None = None,
) -> ShardRecord:
    """Render and store the tar of one shard. `on_step` gets the number of kept samples after each micro-batch.

    `steering_version` decides the shard of a steered stream, None that of any other recipe.
    """
    started_at, clock = now(), time.monotonic()
    threshold = read_threshold(machine.store, recipe)
    plan = read_plan(machine.store, recipe)
    selection = _selection(machine, recipe, plan, steering_version)
    renderer = Renderer(
        machine,
        recipe.tenant,
        recipe.fit,
        seed=recipe.seed,
        truncation=recipe.truncation,
        condition=recipe.condition,
        options=LabelOptions(recipe.soft_labels, recipe.ignore_above),
        shift=shift_of_plan(plan),
    )
    shard = Shard(recipe, codecs_of(machine.tasks, recipe.labels), selection)

    def count(samples: list[Sample]) -> None:
        for sample in samples:
            shard.count(sample)
        on_step(shard.num_samples)

    samples = renderer.draw(spec.samples, threshold, on_drawn=count, selection=selection)
    with span("render shard", attributes={"handsoff.shard": spec.index}):
        tar = _store_tar(machine, spec, shard, samples)
    SAMPLES.inc(shard.num_samples)
    CANDIDATES.inc(shard.num_candidates)
    record = ShardRecord(
        index=spec.index,
        tar=tar,
        num_samples=shard.num_samples,
        num_candidates=shard.num_candidates,
        num_codes=shard.num_codes or None,
        target_images=tuple(shard.target_images.tolist()),
        steering_version=steering_version,
        class_pixels=tuple(shard.class_pixels.tolist()),
        class_images=tuple(shard.class_images.tolist()),
        candidate_class_images=tuple(shard.candidate_class_images.tolist()),
        ignored_pixels=shard.ignored_pixels,
        condition_samples={str(one): count for one, count in sorted(shard.conditions.items())},
        mean_score=shard.mean_score,
        threshold=threshold,
        started_at=started_at,
        finished_at=now(),
        render_seconds=time.monotonic() - clock,
    )
    machine.usage.add(recipe.tenant, _usage(spec, record))
    with suppress(RedisError):  # for predictions only
        cost = Cost(record.render_seconds, tar.num_bytes)
        Costs(machine.ledger).note_samples(recipe.fit.id, record.num_samples, cost)
    return record


def _selection(
    machine: Machine, recipe: Recipe, plan: TargetPlan | None, steering_version: int | None
) -> Selection | None:
    """Return what chooses the codes of the samples; None if each is the first candidate that the filter keeps."""
    if steering_version is not None:
        assert isinstance(recipe, StreamRequest)
        return steered_by(machine, recipe, steering_version)
    return Targeting(recipe, plan) if plan is not None and plan.classes else None


def _usage(spec: ShardSpec, record: ShardRecord) -> Usage:
    """Return what a shard used. Those of a batch were requested with it, those of a stream are requested one by one."""
    is_of_stream = isinstance(spec.owner, StreamRef)
    return Usage(
        requested_pairs=record.num_samples if is_of_stream else 0,
        pairs=record.num_samples,
        written_bytes=record.tar.num_bytes,
    )


def store_record(store: Store, owner: JobRef, record: ShardRecord) -> None:
    """Store the record of a batch's shard unless it has one; then delete the tar of this later rendering.

    If the batch was deleted meanwhile, neither stays.
    """
    if records.is_deleted(store, owner):
        store.delete(record.tar.key)
        return
    first = records.create(store, keys.shard_record(owner, record.index), record)
    if first.tar.key != record.tar.key:
        store.delete(record.tar.key)


def _store_tar(
    machine: Machine, spec: ShardSpec, shard: "Shard", samples: Iterable[Sample]
) -> Artefact:
    """Pack and send the samples during rendering: neither memory nor disk holds the whole tar."""
    key = keys.shard_tar(spec.owner, spec.index, uuid7_hex())
    # The tar is sent while it is rendered: the end of the span "store put" alone is a wait for the store.
    with (
        span("store put"),
        machine.store.sending(key) as target,
        TarWriter(target) as tar,
        span("render"),
    ):
        _pack(tar, spec, shard, samples, max_waiting=machine.settings.micro_batch)
    return Artefact(key=key, sha256=tar.sha256, num_bytes=tar.num_bytes, media_type=TAR_TYPE)


def _pack(
    tar: TarWriter,
    spec: ShardSpec,
    shard: "Shard",
    samples: Iterable[Sample],
    *,
    max_waiting: int,
) -> None:
    """Encode on as many threads as torch may use: an accelerator leaves them free, and on a CPU some are often idle."""
    with Packer(
        tar,
        spec.samples,
        shard.encode,
        num_threads=torch.get_num_threads(),
        max_waiting=max_waiting,
    ) as packer:
        for sample in samples:
            shard.keep(sample)
            packer.put(sample)
        packer.finish()


class Shard:
    """Counts of a shard during rendering, for the accepted samples and for all candidates."""

    def __init__(
        self, recipe: Recipe, codecs: Sequence[TaskCodec], selection: Selection | None = None
    ) -> None:
        self._codecs = codecs
        self._selection = selection
        self._labels = recipe.labels
        self._image_format = recipe.image_format
        self._stated_fit = recipe.fit if recipe.states_provenance else None
        self._scores: dict[int, float] = {}
        self.num_candidates = 0
        self.num_codes = 0
        num_targets = len(class_targets(recipe.targets))
        self.target_images = np.zeros(num_targets, dtype=np.int64)
        self.conditions: Counter[int] = Counter()
        self.class_pixels = np.zeros(self._labels.num_classes, dtype=np.int64)
        self.class_images = np.zeros(self._labels.num_classes, dtype=np.int64)
        self.ignored_pixels = 0
        self.candidate_class_images = np.zeros(self._labels.num_classes, dtype=np.int64)

    @property
    def num_samples(self) -> int:
        return len(self._scores)

    @property
    def mean_score(self) -> float:
        """The mean score; added in the order of the indices, so it does not depend on the order of rendering."""
        return sum(self._scores[index] for index in sorted(self._scores)) / len(self._scores)

    def count(self, sample: Sample) -> None:
        """Count a candidate, accepted or not."""
        self.num_candidates += 1
        self.candidate_class_images += self._class_pixels(sample) > 0

    def keep(self, sample: Sample) -> None:
        """Count an accepted candidate."""
        pixels = self._class_pixels(sample)
        self.class_pixels += pixels
        self.class_images += pixels > 0
        self.ignored_pixels += ignored_pixels(sample.labels.get(SegmentationCodec.name))
        self._scores[sample.index] = sample.score
        if self._selection is not None:
            self.num_codes += self._selection.num_codes(sample)
            self.target_images += np.array(self._selection.contained(sample), dtype=np.int64)
        if sample.condition is not None:
            self.conditions[sample.condition] += 1

    def encode(self, sample: Sample) -> Files:
        """Return a sample's files, as the recipe specifies them. Several threads call it at once."""
        return sample.encode(self._codecs, self._labels, self._image_format, self._stated_fit)

    def _class_pixels(self, sample: Sample) -> NDArray[np.int64]:
        masks = sample.labels.get(SegmentationCodec.name)
        return class_pixels(masks, self._labels.num_classes)
