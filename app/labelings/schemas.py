"""The bodies of `POST /v1/labelings`, and the view of a labeling and its shards."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.batches.schemas import ShardView, show_shard
from app.http.links import Links
from app.http.requests import Exchange
from app.jobs.answers import NOT_SHOWN, envelope
from app.jobs.service import JobState
from app.recipes import MASK_OPTIONS
from contracts.base import Condition, Model
from contracts.generators.training import ImageFit
from contracts.ids import FitId, UploadId
from contracts.jobs import ExpiresAfter, JobEnvelope
from contracts.labelings import (
    LabelingManifest,
    LabelingRequest,
    LabelledImage,
    UnreadableImage,
)
from contracts.recipes.recipe import IgnoreAbove, ImageFormat, NumSoftLabels, PinnedFit
from contracts.schemas import LabelSchema

MAX_SHOWN = 20
"""The most images of each list in the metrics; the manifest has all."""


class LabelingForm(Model):
    """The fields of the form of `POST /v1/labelings`, beside its files."""

    fit: FitId
    name: Annotated[str, Field(max_length=200)] = ""
    aspect: ImageFit = "crop"
    image_format: ImageFormat = "png"
    shard_size: Annotated[int, Field(ge=1, le=4_096)] | None = None
    condition: Condition | None = None
    soft_labels: NumSoftLabels | None = None
    ignore_above: IgnoreAbove | None = None
    expires_after_seconds: ExpiresAfter | None = None

    def for_fingerprint(self) -> dict[str, Any]:
        """Return the fields as JSON for the fingerprint of an Idempotency-Key.

        Without later options they are those of earlier versions, so that their keys still match after an update.
        """
        later = (*MASK_OPTIONS, "expires_after_seconds")
        absent = {name for name in later if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=absent)


class LabelingCreate(LabelingForm):
    """The JSON body of `POST /v1/labelings`, for an archive of images in an upload."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "fit": "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                    "upload": "upload_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                }
            ]
        }
    )

    upload: UploadId


class LabelledClass(Model):
    """How often a class occurs in the labels."""

    name: str
    share: float
    num_pixels: int


class LabelingMetrics(Model):
    """The result of a labeling. `most_uncertain` and `unreadable` have up to 20 images, the manifest has all."""

    num_images: int
    num_samples: int
    num_unreadable: int
    num_inexpressible: int
    num_other_files: int
    num_bytes: int
    ignored_pixels: int
    mean_score: float | None
    label_seconds: float
    classes: tuple[LabelledClass, ...]
    most_uncertain: tuple[LabelledImage, ...]
    unreadable: tuple[UnreadableImage, ...]


class LabelingView(JobEnvelope[LabelingMetrics]):
    """Labels for a caller's real images. Its shards can be read once it has succeeded."""

    kind: Literal["labeling"] = "labeling"
    name: str
    fit: PinnedFit
    labels: LabelSchema
    aspect: ImageFit
    image_format: ImageFormat
    shard_size: int
    condition: Condition | None
    soft_labels: int | None
    ignore_above: float | None


class LabelingShards(Model):
    """The shards of a labeling, in order. They have the format of a batch."""

    labeling: str
    num_samples: int
    items: tuple[ShardView, ...]


def show_labeling(state: JobState, exchange: Exchange) -> LabelingView:
    """Return the view of a labeling."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, LabelingRequest)
    assert isinstance(manifest, LabelingManifest | None)
    links = exchange.links
    common = envelope(state, links)
    for name in ("shards", "manifest"):
        common["links"][name] = links.resource("labelings", request.id, name)
    fields = request.model_dump(exclude={*NOT_SHOWN, "original"})
    metrics = _metrics(request, manifest) if manifest and manifest.shards else None
    return LabelingView.model_validate({**common, **fields, "metrics": metrics})


def show_labeling_shards(
    labeling_id: str, manifest: LabelingManifest, links: Links
) -> LabelingShards:
    """Return the views of all shards, with signed links."""
    return LabelingShards(
        labeling=labeling_id,
        num_samples=manifest.num_samples,
        items=tuple(show_shard(shard, links) for shard in manifest.shards),
    )


def _metrics(request: LabelingRequest, manifest: LabelingManifest) -> LabelingMetrics:
    counts = zip(request.labels.classes, manifest.class_images, manifest.class_pixels, strict=True)
    return LabelingMetrics(
        num_images=manifest.num_samples + len(manifest.unreadable),
        num_samples=manifest.num_samples,
        num_unreadable=len(manifest.unreadable),
        num_inexpressible=sum(not image.is_expressible for image in manifest.images),
        num_other_files=manifest.num_other_files,
        num_bytes=manifest.num_bytes,
        ignored_pixels=manifest.ignored_pixels,
        mean_score=manifest.mean_score,
        label_seconds=manifest.label_seconds,
        classes=tuple(
            LabelledClass(name=name, share=images / manifest.num_samples, num_pixels=pixels)
            for name, images, pixels in counts
        ),
        most_uncertain=manifest.images[:MAX_SHOWN],
        unreadable=manifest.unreadable[:MAX_SHOWN],
    )
