"""A batch: n labelled samples in shards.

Its request, the record of each shard, and the manifest as a pure function of both. Sample i of
seed s is decided by (s, i) and the request alone: a shard may be rendered twice, anywhere, in any order.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Artefact, Model, Seed, Sha256, Timestamp
from contracts.ids import BatchId, FitId
from contracts.jobs import Asked, JobManifest, JobStatus, Request
from contracts.schemas import LabelSchema

RENDER_VERSION = 5
"""Raised whenever the same request would render to other labels, other candidates or other bytes."""

ImageFormat = Literal["png", "jpeg"]
Truncation = Annotated[float, Field(gt=0, le=1)]


class Filter(Model):
    """Drops the `drop_share` most uncertain of all candidates (the paper's 10%)."""

    drop_share: Annotated[float, Field(gt=0, le=0.9)]


class PinnedFit(Model):
    """The label generator of a batch: the fit's id and the digest of what it made."""

    id: FitId
    digest: Sha256


class Recipe(Asked):
    """What decides every sample, whether there are n of them or no end: what batches and streams share."""

    fit: PinnedFit
    seed: Seed
    truncation: Truncation
    filter: Filter | None
    image_format: ImageFormat
    shard_size: Annotated[int, Field(ge=1)]
    render_version: int
    labels: LabelSchema


class BatchRequest(Recipe, Request):
    """`batches/{id}/request.json`: a batch as it will be rendered, whatever changes around it."""

    kind: Literal["batch"] = "batch"
    id: BatchId
    n: Annotated[int, Field(ge=1)]

    @property
    def num_shards(self) -> int:
        """How many shards hold `n` samples; the last may be short."""
        return -(-self.n // self.shard_size)

    def samples(self, shard: int) -> range:
        """The sample indices of shard `shard`."""
        if not 0 <= shard < self.num_shards:
            raise IndexError(f"shard {shard} of batch {self.id}, which has {self.num_shards}")
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.n))


class Pilot(Model):
    """How uncertain a fit's samples are at one truncation, measured once on a reserved seed.

    `quantiles[k]` is the score below which k/1000 of the pilot samples lie, k from 0 to 1000.
    """

    fit_digest: Sha256
    truncation: Truncation
    num_samples: Annotated[int, Field(ge=1)]
    quantiles: Annotated[tuple[float, ...], Field(min_length=1_001, max_length=1_001)]
    measured_at: Timestamp

    def threshold(self, drop_share: float) -> float:
        """The highest score that is kept when the `drop_share` most uncertain are dropped."""
        return self.quantiles[round((1 - drop_share) * 1_000)]


class ShardRecord(Model):
    """`shards/{k}.json`: the one tar that stands for shard k, and what is in it.

    `class_images` counts the kept samples in which each class occurs, `candidate_class_images` all that were drawn,
    so the manifest can say what a filter costs the rare classes. All three are empty where there are no masks.
    """

    index: Annotated[int, Field(ge=0)]
    tar: Artefact
    num_samples: Annotated[int, Field(ge=1)]
    num_candidates: Annotated[int, Field(ge=1)]
    class_pixels: tuple[int, ...]
    class_images: tuple[int, ...]
    candidate_class_images: tuple[int, ...]
    mean_score: float
    threshold: float | None
    started_at: Timestamp
    finished_at: Timestamp
    render_seconds: float


class BatchManifest(JobManifest):
    """`batches/{id}/manifest.json`. Class counts are by class index; a batch that did not succeed pins no shards.

    `labels` says what the labels in the shards mean: classes and palette, keypoints and skeleton, depth scale and unit.
    `card` is the same for people: a dataset card in Markdown.
    """

    kind: Literal["batch"] = "batch"
    labels: LabelSchema | None = None
    num_samples: int = 0
    num_candidates: int = 0
    num_bytes: int = 0
    class_pixels: tuple[int, ...] = ()
    class_images: tuple[int, ...] = ()
    candidate_class_images: tuple[int, ...] = ()
    mean_score: float | None = None
    threshold: float | None = None
    render_seconds: float = 0.0
    card: Artefact | None = None
    shards: tuple[ShardRecord, ...] = ()


def batch_manifest(request: BatchRequest, records: Mapping[int, ShardRecord]) -> BatchManifest:
    """The manifest of a finished batch: the same request and records give the same bytes, whoever asks.

    Raises `ValueError` when a record is missing.
    """
    missing = [index for index in range(request.num_shards) if index not in records]
    if missing:
        raise ValueError(f"batch {request.id} lacks the records of shards {missing[:10]}")
    shards = tuple(records[index] for index in range(request.num_shards))
    num_samples = sum(shard.num_samples for shard in shards)
    return BatchManifest(
        status=JobStatus.SUCCEEDED,
        labels=request.labels,
        started_at=min(shard.started_at for shard in shards),
        finished_at=max(shard.finished_at for shard in shards),
        num_samples=num_samples,
        num_candidates=sum(shard.num_candidates for shard in shards),
        num_bytes=sum(shard.tar.num_bytes for shard in shards),
        class_pixels=_add(shard.class_pixels for shard in shards),
        class_images=_add(shard.class_images for shard in shards),
        candidate_class_images=_add(shard.candidate_class_images for shard in shards),
        mean_score=sum(shard.mean_score * shard.num_samples for shard in shards) / num_samples,
        threshold=shards[0].threshold,
        render_seconds=sum(shard.render_seconds for shard in shards),
        shards=shards,
    )


def _add(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Adds counts class by class."""
    return tuple(sum(column) for column in zip(*counts, strict=True))
