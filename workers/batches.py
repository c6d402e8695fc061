"""A batch: its pilot if it filters, then one shard after another until all records are there, then the manifest.

Each call from the queue does one piece and queues what comes next. Doing a piece twice changes nothing: a shard's tar
lies under its own digest, and the first record of a shard, the first pilot and the first manifest stand.
"""

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

from contracts import keys, records
from contracts.batches import BatchManifest, BatchRequest, ShardRecord, batch_manifest
from contracts.digests import sha256_of_file
from contracts.errors import InputMissing
from contracts.jobs import JobRef, ShardRef
from contracts.planning import next_calls
from contracts.shapes import Artefact, now
from contracts.store import Store
from workers import jobs
from workers.jobs import Run
from workers.machine import Machine
from workers.pilots import measure_pilot, read_threshold
from workers.queues import put
from workers.rendering import Renderer
from workers.samples import Files, Sample
from workers.tars import write_tar

TAR_TYPE = "application/x-tar"


def run_pilot(machine: Machine, argument: str, attempt: int) -> None:
    """Measures the batch's pilot, then queues its first shards."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _measure)


def run_shard(machine: Machine, argument: str, attempt: int) -> None:
    """Renders one shard, then queues the next, or ends the batch."""
    shard = ShardRef.parse(argument)
    jobs.perform(machine, shard.batch, attempt, partial(_render, index=shard.index))


def queue_next(machine: Machine, request: BatchRequest) -> None:
    """Queues what brings the batch forward now."""
    for call in next_calls(machine.store, machine.ledger, request, machine.settings):
        put(machine.redis, call)


def completed(store: Store, request: BatchRequest) -> BatchManifest | None:
    """The manifest of a batch whose shards are all there, else None."""
    if len(records.shards_done(store, request.ref)) < request.num_shards:
        return None
    return batch_manifest(request, records.shard_records(store, request.ref))


def _measure(run: Run) -> None:
    request = _read_request(run)
    measure_pilot(run, request)
    queue_next(run.machine, request)


def _render(run: Run, index: int) -> BatchManifest | None:
    request = _read_request(run)
    key = keys.shard_record(run.ref, index)
    if run.machine.store.head(key) is None:
        records.create(run.machine.store, key, _render_shard(run, request, index))
    run.machine.ledger.release_shard(run.ref, index)
    queue_next(run.machine, request)
    return completed(run.machine.store, request)


def _read_request(run: Run) -> BatchRequest:
    request = records.read(run.machine.store, keys.job_request(run.ref), BatchRequest)
    if request is None:
        raise InputMissing(f"The request of '{run.ref}' is gone.")
    return request


def _render_shard(run: Run, request: BatchRequest, index: int) -> ShardRecord:
    """Renders and stores the tar of one shard; the record that pins it is the caller's to write."""
    clock = time.monotonic()
    threshold = read_threshold(run, request)
    renderer = Renderer(
        run.machine,
        request.tenant,
        request.fit,
        seed=request.seed,
        truncation=request.truncation,
    )
    shard = Shard(request)
    num_before = len(records.shards_done(run.machine.store, run.ref)) * request.shard_size

    def num_done() -> int:
        return min(num_before + shard.num_samples, request.n)

    def see(samples: list[Sample]) -> None:
        for sample in samples:
            shard.count(sample)
        run.step("rendering", num_done(), request.n)

    for sample in renderer.draw(request.samples(index), threshold, see):
        shard.keep(sample)
    run.tell(
        "rendering", num_done(), request.n
    )  # a small shard takes less than the second between steps
    return ShardRecord(
        index=index,
        tar=_store_tar(run, index, shard),
        num_samples=shard.num_samples,
        num_candidates=shard.num_candidates,
        class_pixels=tuple(shard.class_pixels.tolist()),
        class_images=tuple(shard.class_images.tolist()),
        candidate_class_images=tuple(shard.candidate_class_images.tolist()),
        mean_score=shard.mean_score,
        threshold=threshold,
        started_at=run.started_at,
        finished_at=now(),
        render_seconds=time.monotonic() - clock,
    )


def _store_tar(run: Run, index: int, shard: "Shard") -> Artefact:
    """By way of a file, which the store sends in parts: a shard may be gigabytes, and its samples are in memory yet."""
    with TemporaryDirectory(prefix="handsoff-") as folder:
        path = Path(folder) / "shard.tar"
        with path.open("wb") as file:
            shard.write(file)
        sha256 = sha256_of_file(path)
        key = keys.shard_tar(run.ref, index, sha256)
        run.machine.store.put(key, path)
        num_bytes = path.stat().st_size
    return Artefact(key=key, sha256=sha256, num_bytes=num_bytes, media_type=TAR_TYPE)


class Shard:
    """A shard in the making: the accepted samples, already encoded, and what is counted of them and of the others."""

    def __init__(self, request: BatchRequest) -> None:
        self._labels = request.labels
        self._image_format = request.image_format
        self._files: dict[int, Files] = {}
        self._scores: dict[int, float] = {}
        self.num_candidates = 0
        self.class_pixels = np.zeros(self._labels.num_classes, dtype=np.int64)
        self.class_images = np.zeros(self._labels.num_classes, dtype=np.int64)
        self.candidate_class_images = np.zeros(self._labels.num_classes, dtype=np.int64)

    @property
    def num_samples(self) -> int:
        return len(self._files)

    @property
    def mean_score(self) -> float:
        """Added up in the order of the indices, so that the order of rendering leaves no trace."""
        return sum(self._scores[index] for index in sorted(self._scores)) / len(self._scores)

    def count(self, sample: Sample) -> None:
        """Count a candidate, accepted or not."""
        self.num_candidates += 1
        self.candidate_class_images += sample.class_pixels(self._labels.num_classes) > 0

    def keep(self, sample: Sample) -> None:
        """Keep an accepted candidate."""
        pixels = sample.class_pixels(self._labels.num_classes)
        self.class_pixels += pixels
        self.class_images += pixels > 0
        self._scores[sample.index] = sample.score
        self._files[sample.index] = sample.encode(self._labels, self._image_format)

    def write(self, target: IO[bytes]) -> None:
        """All accepted samples as a tar, in the order of their indices."""
        write_tar((self._files[index] for index in sorted(self._files)), target)
