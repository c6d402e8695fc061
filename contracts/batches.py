"""A batch: n labelled samples in shards.

Its request, the record of each shard, and the manifest as a pure function of both. Sample i of seed s depends on
(s, i) and the request alone: a shard may be rendered twice, on any machine, in any order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Artefact, Condition, Model, Seed, Sha256, Timestamp
from contracts.digests import digest_of
from contracts.ids import BatchId, FitId
from contracts.jobs import JobManifest, JobStatus, Request, StoredRequest
from contracts.schemas import LabelSchema

RENDER_VERSION = 5
"""Increased whenever the same request renders other labels, other candidates or other bytes."""

ImageFormat = Literal["png", "jpeg"]
Truncation = Annotated[float, Field(gt=0, le=1)]
MAX_SOFT_LABELS = 8
"""Classes that a soft label keeps at most: the others of a pixel are hardly ever probable."""
NumSoftLabels = Annotated[int, Field(ge=1, le=MAX_SOFT_LABELS)]
"""How many most probable classes of each pixel are stored with their probabilities."""
IgnoreAbove = Annotated[float, Field(ge=0, lt=1)]
"""The highest uncertainty of a pixel, in nats, that keeps its class. Stored uncertainty is clipped at 1 nat."""
ConditionName = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})$")]
"""A condition as the name of a JSON field."""
ConditionShares = dict[ConditionName, Annotated[float, Field(ge=0, le=1)]]
"""The share of the samples of each condition."""
ConditionChoice = (
    Annotated[Condition, Field(strict=True)]
    | Annotated[
        tuple[Annotated[Condition, Field(strict=True)], ...],
        Field(min_length=1, max_length=100_000),
    ]
    | Annotated[dict[ConditionName, Annotated[float, Field(gt=0, le=1e9)]], Field(min_length=1)]
)
"""What a caller may request: one condition, several with equal shares, or a weight for each."""


def resolve_condition(choice: ConditionChoice | None) -> ConditionShares | None:
    """Return the share of each condition, in order. Raises `ValueError` for a condition that is listed twice."""
    if choice is None:
        return None
    if isinstance(choice, int):
        return {str(choice): 1.0}
    weights = choice if isinstance(choice, dict) else dict.fromkeys(map(str, choice), 1.0)
    if len(weights) < len(choice):
        [(repeated, _)] = Counter(choice).most_common(1)
        raise ValueError(
            f"expected different conditions, got {repeated} twice; give weights to draw one more often"
        )
    total = sum(weights.values())
    return {name: weights[name] / total for name in sorted(weights, key=int)}


class Filter(Model):
    """Drop the share `drop_share` of the candidates that is most uncertain (10% in the paper)."""

    drop_share: Annotated[float, Field(gt=0, le=0.9)]


class PinnedFit(Model):
    """The label generator of a batch: the fit's id and the digest of its label generator."""

    id: FitId
    digest: Sha256


class Recipe(StoredRequest):
    """Everything that decides the samples: the common part of batches and streams."""

    fit: PinnedFit
    seed: Seed
    truncation: Truncation
    filter: Filter | None
    image_format: ImageFormat
    shard_size: Annotated[int, Field(ge=1)]
    render_version: int
    labels: LabelSchema
    condition: ConditionShares | None = None
    soft_labels: NumSoftLabels | None = None
    ignore_above: IgnoreAbove | None = None

    @property
    def condition_digest(self) -> str | None:
        """The digest of the condition's shares; None without a condition."""
        return None if self.condition is None else digest_of(self.condition)


class BatchRequest(Recipe, Request):
    """`batches/{id}/request.json`: everything that decides the samples of a batch."""

    kind: Literal["batch"] = "batch"
    id: BatchId
    n: Annotated[int, Field(ge=1)]

    @property
    def num_shards(self) -> int:
        """The number of shards. The last one may be short."""
        return -(-self.n // self.shard_size)

    def samples(self, shard: int) -> range:
        """Return the sample indices of a shard. Raises `IndexError` past the last one."""
        if not 0 <= shard < self.num_shards:
            raise IndexError(
                f"expected a shard from 0 to {self.num_shards - 1} of '{self.id}', got {shard}"
            )
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.n))


class Pilot(Model):
    """The uncertainty of a fit's samples at one truncation and one condition, measured once on a reserved seed.

    `quantiles[k]` is the score below which k/1000 of the pilot samples lie, k from 0 to 1000.
    """

    fit_digest: Sha256
    truncation: Truncation
    condition: ConditionShares | None = None
    num_samples: Annotated[int, Field(ge=1)]
    quantiles: Annotated[tuple[float, ...], Field(min_length=1_001, max_length=1_001)]
    measured_at: Timestamp

    def threshold(self, drop_share: float) -> float:
        """Return the highest score that is kept when the share `drop_share` is dropped."""
        return self.quantiles[round((1 - drop_share) * 1_000)]


class ShardRecord(Model):
    """`shards/{k}.json`: the tar of shard k, and statistics of its contents.

    `class_images` counts the kept samples in which each class occurs, `candidate_class_images` counts all candidates,
    so the manifest shows how a filter affects rare classes. All three counts are empty without masks.
    `condition_samples` counts the kept samples of each condition that occurs; empty for a recipe without conditions.
    `ignored_pixels` counts the pixels of kept samples whose class is ignored; no class counts them.
    """

    index: Annotated[int, Field(ge=0)]
    tar: Artefact
    num_samples: Annotated[int, Field(ge=1)]
    num_candidates: Annotated[int, Field(ge=1)]
    class_pixels: tuple[int, ...]
    class_images: tuple[int, ...]
    candidate_class_images: tuple[int, ...]
    ignored_pixels: Annotated[int, Field(ge=0)] = 0
    condition_samples: dict[ConditionName, int] = Field(default_factory=dict)
    mean_score: float
    threshold: float | None
    started_at: Timestamp
    finished_at: Timestamp
    render_seconds: float


class BatchManifest(JobManifest):
    """`batches/{id}/manifest.json`. Class counts are by class index. A batch that did not succeed has no shards.

    `labels` is the meaning of the labels: classes and palette, keypoints and skeleton, depth scale and unit. `card` is
    a dataset card in Markdown, for people. `condition` is the requested share of each condition, `condition_samples`
    the number of its samples.
    """

    kind: Literal["batch"] = "batch"
    labels: LabelSchema | None = None
    num_samples: int = 0
    num_candidates: int = 0
    num_bytes: int = 0
    class_pixels: tuple[int, ...] = ()
    class_images: tuple[int, ...] = ()
    candidate_class_images: tuple[int, ...] = ()
    ignored_pixels: int = 0
    condition: ConditionShares | None = None
    condition_samples: dict[ConditionName, int] = Field(default_factory=dict)
    mean_score: float | None = None
    threshold: float | None = None
    render_seconds: float = 0.0
    card: Artefact | None = None
    shards: tuple[ShardRecord, ...] = ()


def batch_manifest(request: BatchRequest, records: Mapping[int, ShardRecord]) -> BatchManifest:
    """Return the manifest of a finished batch. The same request and records give the same bytes.

    Raises `ValueError` when a record is missing.
    """
    missing = [index for index in range(request.num_shards) if index not in records]
    if missing:
        raise ValueError(
            f"expected the records of all shards of '{request.id}', got none of shards {missing[:10]}"
        )
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
        ignored_pixels=sum(shard.ignored_pixels for shard in shards),
        condition=request.condition,
        condition_samples={
            name: sum(shard.condition_samples.get(name, 0) for shard in shards)
            for name in request.condition or {}
        },
        mean_score=sum(shard.mean_score * shard.num_samples for shard in shards) / num_samples,
        threshold=shards[0].threshold,
        render_seconds=sum(shard.render_seconds for shard in shards),
        shards=shards,
    )


def _add(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Add counts class by class."""
    return tuple(sum(column) for column in zip(*counts, strict=True))
