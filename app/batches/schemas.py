"""The body of `POST /v1/batches`, and the views of a batch and its shards."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Query
from pydantic import ConfigDict, Field

from app.deliveries.schemas import BatchDeliveryView, show_delivery
from app.http.links import Links
from app.http.requests import Exchange
from app.jobs.answers import NOT_SHOWN, envelope
from app.jobs.service import JobState
from app.recipes import RecipeCreate
from contracts.accounts.delivery import DeliveryTarget, Destination
from contracts.base import Artefact, Model, Seed, Sha256, Timestamp
from contracts.batches import BatchManifest, BatchRequest, ShardRecord
from contracts.jobs import ExpiresAfter, JobEnvelope, JobStatus
from contracts.labelings import LabelledShard
from contracts.recipes.conditions import ConditionName, ConditionShares
from contracts.recipes.recipe import Filter, ImageFormat, PinnedFit
from contracts.recipes.targets import TargetResult, Targets
from contracts.schemas import LabelSchema
from state.delivering import orders


class BatchCreate(RecipeCreate):
    """The body of `POST /v1/batches`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "fit": "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                    "n": 10_000,
                    "seed": 1,
                    "filter": {"drop_share": 0.1},
                }
            ]
        }
    )

    n: Annotated[int, Field(ge=1)]
    expires_after_seconds: ExpiresAfter | None = None
    deliver_to: Destination | None = None


class ClassPresence(Model):
    """How often a class occurs: the share of the kept samples, the share of all candidates, and the kept pixels."""

    name: str
    kept_share: float
    candidate_share: float
    num_pixels: int


class AchievedTarget(TargetResult):
    """A class of the targets: the share of the samples that was requested and the share that contains it."""

    achieved: float


class BatchMetrics(Model):
    """The contents of a batch. `classes` shows how many samples of rare classes a filter has dropped.

    `condition_samples` is the number of samples of each requested condition. `targets` has each class of the targets.
    `codes_per_sample` and `candidates_per_sample` are what a sample cost: drawn codes, and rendered ones.
    """

    num_samples: int
    num_candidates: int
    num_bytes: int
    mean_score: float | None
    threshold: float | None
    render_seconds: float
    classes: tuple[ClassPresence, ...]
    ignored_pixels: int
    condition_samples: dict[ConditionName, int]
    targets: tuple[AchievedTarget, ...]
    codes_per_sample: float | None
    candidates_per_sample: float | None


class BatchView(JobEnvelope[BatchMetrics]):
    """A batch of labelled samples. Its shards can be read once it has ended, also if it did not succeed."""

    kind: Literal["batch"] = "batch"
    fit: PinnedFit
    n: int
    seed: Seed
    truncation: float
    filter: Filter | None
    image_format: ImageFormat
    shard_size: int
    num_shards: int
    render_version: int
    labels: LabelSchema
    condition: ConditionShares | None
    soft_labels: int | None
    ignore_above: float | None
    targets: Targets
    warnings: tuple[str, ...]
    resumes: str | None
    deliver_to: DeliveryTarget | None = None
    delivery: BatchDeliveryView | None = None


class ShardView(Model):
    """A shard: a tar of `num_samples` samples. `url` is valid until `expires_at`."""

    index: int
    num_samples: int
    num_bytes: int
    sha256: Sha256
    url: str
    expires_at: Timestamp


class CardView(Model):
    """A document about the whole batch: its dataset card or its Croissant. `url` is valid until `expires_at`."""

    num_bytes: int
    sha256: Sha256
    url: str
    expires_at: Timestamp


MAX_LISTED = 4_096
"""The most shards in one answer: each has a signed link, and this many take 2 MB."""


class ShardQuery(Model):
    """The query of a list of shards."""

    after: Annotated[
        int | None, Query(ge=0, description="Only shards after the one with this index")
    ] = None
    limit: Annotated[
        int | None,
        Query(ge=1, le=MAX_LISTED, description="The most shards in the answer. Default: all"),
    ] = None


@dataclass(frozen=True)
class ShardRecords:
    """The records of some shards. `has_more`: there are shards after them."""

    items: tuple[ShardRecord, ...]
    has_more: bool


class ShardList(Model):
    """The shards of a batch, in order, and its documents. For the next page, set `after` to the last index."""

    batch: str
    num_samples: int
    card: CardView | None
    croissant: CardView | None = None
    items: tuple[ShardView, ...]
    has_more: bool = False
    is_partial: bool = False


def show_batch(state: JobState, exchange: Exchange) -> BatchView:
    """Return the view of a batch."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, BatchRequest)
    assert isinstance(manifest, BatchManifest | None)
    links = exchange.links
    common = envelope(state, links)
    for name in ("shards", "manifest", "resume", "deliver", "delivery"):
        common["links"][name] = links.resource("batches", request.id, name)
    fields = request.model_dump(exclude={*NOT_SHOWN})
    fields["resumes"] = next(iter(request.resumes), None)
    metrics = _metrics(request, manifest) if manifest and manifest.num_samples else None
    fields |= {"num_shards": request.num_shards, "metrics": metrics}
    if request.deliver_to is not None:  # a batch that was delivered later has a route for it
        delivery = orders.newest(exchange.services.store, request.ref)
        fields["delivery"] = show_delivery(delivery.progress) if delivery else None
    return BatchView.model_validate({**common, **fields})


def show_shard(shard: ShardRecord | LabelledShard, links: Links) -> ShardView:
    """Return the view of a shard, with a signed link."""
    link = links.file(shard.tar)
    return ShardView(
        index=shard.index,
        num_samples=shard.num_samples,
        num_bytes=shard.tar.num_bytes,
        sha256=shard.tar.sha256,
        url=link.url,
        expires_at=link.expires_at,
    )


def show_shards(
    batch_id: str, manifest: BatchManifest, shards: ShardRecords, links: Links
) -> ShardList:
    """Return the views of some shards and of the card, with signed links."""
    return ShardList(
        batch=batch_id,
        num_samples=manifest.num_samples,
        card=_show_card(manifest.card, links) if manifest.card else None,
        croissant=_show_card(manifest.croissant, links) if manifest.croissant else None,
        items=tuple(show_shard(shard, links) for shard in shards.items),
        has_more=shards.has_more,
        is_partial=manifest.status is not JobStatus.SUCCEEDED,
    )


def _show_card(card: Artefact, links: Links) -> CardView:
    link = links.file(card)
    return CardView(
        num_bytes=card.num_bytes, sha256=card.sha256, url=link.url, expires_at=link.expires_at
    )


def _metrics(request: BatchRequest, manifest: BatchManifest) -> BatchMetrics:
    counts = zip(
        request.labels.classes,
        manifest.class_images,
        manifest.candidate_class_images,
        manifest.class_pixels,
        strict=True,
    )
    classes = tuple(
        ClassPresence(
            name=name,
            kept_share=kept / manifest.num_samples,
            candidate_share=candidates / manifest.num_candidates,
            num_pixels=num_pixels,
        )
        for name, kept, candidates, num_pixels in counts
    )
    computed = {"classes", "targets"}
    fields = manifest.model_dump(include=set(BatchMetrics.model_fields) - computed)
    n, has_targets = manifest.num_samples, manifest.num_codes is not None
    return BatchMetrics(
        classes=classes,
        targets=tuple(
            AchievedTarget(**one.model_dump(), achieved=one.num_images / n)
            for one in manifest.targets
        ),
        codes_per_sample=(manifest.num_codes or 0) / n if has_targets else None,
        candidates_per_sample=manifest.num_candidates / n if has_targets else None,
        **fields,
    )
