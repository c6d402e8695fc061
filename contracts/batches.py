"""A batch: n labelled samples in shards.

Its request, the record of each shard, and the manifest as a pure function of both. Sample i of seed s depends on
(s, i) and the request alone: a shard may be rendered twice, on any machine, in any order.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.accounts.delivery import DeliveryTarget
from contracts.base import Artefact, Model, Timestamp
from contracts.ids import BatchId
from contracts.jobs import JobManifest, JobRef, JobStart, JobStatus, Request
from contracts.recipes.conditions import ConditionName, ConditionShares
from contracts.recipes.recipe import PinnedFit, Recipe
from contracts.recipes.targets import TargetResult, class_targets
from contracts.schemas import LabelSchema


class BatchRequest(Recipe, Request):
    """`batches/{id}/request.json`: everything that decides the samples of a batch."""

    kind: Literal["batch"] = "batch"
    id: BatchId
    n: Annotated[int, Field(ge=1)]
    deliver_to: DeliveryTarget | None = None
    resumes: tuple[BatchId, ...] = ()
    """The batch that this one continues, then those which that one continued: their finished shards are adopted."""

    @property
    def waits_for(self) -> JobRef | None:
        """The fit that must succeed before the batch starts; None once it has."""
        return None if self.fit.digest else JobRef(tenant=self.tenant, id=self.fit.id)

    def started(self, start: JobStart) -> Self:
        """Return the request with the digest of the fit that has succeeded."""
        return self.model_copy(update={"fit": PinnedFit(id=self.fit.id, digest=start.digest)})

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


class ShardRecord(Model):
    """`shards/{k}.json`: the tar of shard k, and statistics of its contents.

    `class_images` counts the kept samples in which each class occurs, `candidate_class_images` counts all candidates,
    so the manifest shows how a filter affects rare classes. All three counts are empty without masks.
    `condition_samples` counts the kept samples of each condition that occurs; empty for a recipe without conditions.
    `ignored_pixels` counts the pixels of kept samples whose class is ignored; no class counts them. With targets or
    steering, `num_codes` counts the codes that were drawn; `target_images` counts the kept samples that contain each
    class of the targets. `steering_version` decided the samples of a steered stream.
    """

    index: Annotated[int, Field(ge=0)]
    tar: Artefact
    num_samples: Annotated[int, Field(ge=1)]
    num_candidates: Annotated[int, Field(ge=1)]
    num_codes: Annotated[int, Field(ge=1)] | None = None
    target_images: tuple[int, ...] = ()
    steering_version: Annotated[int, Field(ge=0)] | None = None
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


class ShardPageRef(Artefact):
    """A stored page of shard records."""

    num_shards: Annotated[int, Field(ge=1)]


class BatchManifest(JobManifest):
    """`batches/{id}/manifest.json`. Class counts are by class index.

    A batch that failed or was cancelled has the shards that were finished when it ended. Their indices may have gaps.

    `labels` is the meaning of the labels: classes and palette, keypoints and skeleton, depth scale and unit. `card` is
    a dataset card in Markdown, for people, `croissant` a description in JSON-LD, for machines. `condition` is the
    requested share of each condition, `condition_samples` the number of its samples. `targets` has the number of
    samples that contain each class of the targets; for them `num_codes` codes were drawn. The records of more than
    `SHARDS_PER_PAGE` shards are in `pages` instead of `shards`.
    """

    kind: Literal["batch"] = "batch"
    labels: LabelSchema | None = None
    num_samples: int = 0
    num_candidates: int = 0
    num_codes: int | None = None
    targets: tuple[TargetResult, ...] = ()
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
    croissant: Artefact | None = None
    shards: tuple[ShardRecord, ...] = ()
    pages: tuple[ShardPageRef, ...] = ()

    @property
    def num_shards(self) -> int:
        """The number of shards, in the manifest or in its pages."""
        return len(self.shards) + sum(page.num_shards for page in self.pages)


SHARDS_PER_PAGE = 1_000
"""A batch is polled, and each poll reads its manifest: with 100,000 records it would have 80 MB."""


class ShardPage(Model):
    """`batches/{id}/pages/{sha256}.json`: the records of `SHARDS_PER_PAGE` shards in order, or of the rest."""

    shards: tuple[ShardRecord, ...]


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
    totals = BatchTotals(request)
    for shard in shards:
        totals.add(shard)
    return totals.manifest(shards=shards)


_COUNTS = ("class_pixels", "class_images", "candidate_class_images")


class BatchTotals:
    """Adds up the records of a batch, in the order of the shards. They need not be in memory together."""

    def __init__(self, request: BatchRequest) -> None:
        self._request = request
        self._first: ShardRecord | None = None
        self._sums: Counter[str] = Counter()
        self._classes: dict[str, list[int]] = {}
        self._conditions: Counter[str] = Counter()
        self._score = self._seconds = 0.0
        self._times: list[Timestamp] = []

    def add(self, shard: ShardRecord) -> None:
        """Add the next shard."""
        self._first = self._first or shard
        self._sums["num_samples"] += shard.num_samples
        self._sums["num_candidates"] += shard.num_candidates
        self._sums["num_bytes"] += shard.tar.num_bytes
        self._sums["ignored_pixels"] += shard.ignored_pixels
        self._sums["num_codes"] += shard.num_codes or 0
        for name in (*_COUNTS, "target_images"):
            counts: tuple[int, ...] = getattr(shard, name)
            before = self._classes.get(name, [0] * len(counts))
            self._classes[name] = [a + b for a, b in zip(before, counts, strict=True)]
        self._conditions.update(shard.condition_samples)
        self._score += shard.mean_score * shard.num_samples
        self._seconds += shard.render_seconds
        times = (*self._times, shard.started_at, shard.finished_at)
        self._times = [min(times), max(times)]

    def manifest(
        self, *, shards: tuple[ShardRecord, ...] = (), pages: tuple[ShardPageRef, ...] = ()
    ) -> BatchManifest:
        """Return the manifest of a finished batch, with its records or the pages of them."""
        assert self._first is not None, "a batch has at least one shard"
        return BatchManifest(
            status=JobStatus.SUCCEEDED,
            labels=self._request.labels,
            started_at=self._times[0],
            finished_at=self._times[1],
            **self._sums | {"num_codes": self._sums["num_codes"] or None},
            **{name: tuple(counts) for name, counts in self._classes.items() if name in _COUNTS},
            targets=self._targets(),
            condition=self._request.condition,
            condition_samples={
                name: self._conditions[name] for name in self._request.condition or {}
            },
            mean_score=self._score / self._sums["num_samples"],
            threshold=self._first.threshold,
            render_seconds=self._seconds,
            shards=shards,
            pages=pages,
        )

    def _targets(self) -> tuple[TargetResult, ...]:
        requested = class_targets(self._request.targets)
        return tuple(
            TargetResult(**one.model_dump(), num_images=count)
            for one, count in zip(requested, self._classes["target_images"], strict=True)
        )

    def added_to(
        self,
        ended: BatchManifest,
        *,
        shards: tuple[ShardRecord, ...] = (),
        pages: tuple[ShardPageRef, ...] = (),
    ) -> BatchManifest:
        """Return the manifest of a batch that failed or was cancelled, with its finished shards, if it has any."""
        if self._first is None:
            return ended
        kept = {name: getattr(ended, name) for name in JobManifest.model_fields}
        return self.manifest(shards=shards, pages=pages).model_copy(update=kept)
