"""A labeling: labels for a caller's own unlabelled real images, by a fit.

In: `LabelingRequest`, which pins a fit and an archive of images. Out: `LabelingManifest`, whose shards have the format
of a batch. The images are labelled shard by shard; a shard with a record is never labelled again.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Artefact, Condition, Model, Sha256, Timestamp
from contracts.digests import digest_of
from contracts.generators.training import ImageFit
from contracts.ids import LabelingId
from contracts.jobs import JobManifest, JobStatus, Request
from contracts.recipes.recipe import IgnoreAbove, ImageFormat, NumSoftLabels, PinnedFit
from contracts.schemas import LabelSchema

MAX_REASON = 300
"""Characters of the reason why an image is not labelled."""


class LabelingRequest(Request):
    """`labelings/{id}/request.json`: everything that decides the labels.

    `original` is the archive of images. Images of another aspect ratio than the generator's are cropped or padded, as
    `aspect` says. `condition` is the class of all images for a class-conditional generator.
    """

    kind: Literal["labeling"] = "labeling"
    id: LabelingId
    name: str
    fit: PinnedFit
    labels: LabelSchema
    original: Artefact
    aspect: ImageFit
    image_format: ImageFormat
    shard_size: Annotated[int, Field(ge=1)]
    condition: Condition | None = None
    soft_labels: NumSoftLabels | None = None
    ignore_above: IgnoreAbove | None = None


class PinnedLabeling(Model):
    """A labeling that has succeeded, by id and digest."""

    id: LabelingId
    digest: Sha256


class PixelBox(Model):
    """A part of an image in pixels, from its upper left corner. Beyond the image lies padding."""

    left: float
    top: float
    right: float
    bottom: float


class LabelledImage(Model):
    """One labelled image: its position in the archive, its uncertainty, and how well the generator expresses it.

    `index` is its key in the shards, `box` the part of the upright original that was labelled. `score` is the
    uncertainty on the first task, `scores` on every task. `expressibility` is 0 to 1; below 0.5 the reconstruction
    could show another image or lacks half of the fine detail, so the labels may be wrong (`is_expressible`).
    """

    index: Annotated[int, Field(ge=0)]
    name: str
    width_px: int
    height_px: int
    box: PixelBox
    score: float
    scores: dict[str, float]
    expressibility: float
    is_expressible: bool
    psnr_db: float
    perceptual_distance: float | None = None


class UnreadableImage(Model):
    """One file that is not labelled, and why."""

    index: Annotated[int, Field(ge=0)]
    name: str
    reason: Annotated[str, Field(max_length=MAX_REASON)]


class LabelingShardRecord(Model):
    """`shards/{k}.json`: the images from k x `shard_size` on. `tar` has the readable ones, and is None without any.

    `class_images` counts the images in which each class occurs; both counts are empty without masks. `ignored_pixels`
    have no class.
    """

    index: Annotated[int, Field(ge=0)]
    tar: Artefact | None
    images: tuple[LabelledImage, ...]
    unreadable: tuple[UnreadableImage, ...]
    class_pixels: tuple[int, ...]
    class_images: tuple[int, ...]
    ignored_pixels: Annotated[int, Field(ge=0)] = 0
    started_at: Timestamp
    finished_at: Timestamp
    label_seconds: float


class LabelledShard(Model):
    """A tar of `num_samples` labelled images. Shards are numbered from 0 without gaps."""

    index: Annotated[int, Field(ge=0)]
    tar: Artefact
    num_samples: Annotated[int, Field(ge=1)]


class LabelingManifest(JobManifest):
    """`labelings/{id}/manifest.json`. A labeling that did not succeed has no shards.

    `images` begins with the most uncertain one. `num_other_files` counts the files of the archive without the suffix
    of an image. Class counts are by class index.
    """

    kind: Literal["labeling"] = "labeling"
    labels: LabelSchema | None = None
    num_samples: int = 0
    num_other_files: int = 0
    num_bytes: int = 0
    class_pixels: tuple[int, ...] = ()
    class_images: tuple[int, ...] = ()
    ignored_pixels: int = 0
    mean_score: float | None = None
    label_seconds: float = 0.0
    images: tuple[LabelledImage, ...] = ()
    unreadable: tuple[UnreadableImage, ...] = ()
    shards: tuple[LabelledShard, ...] = ()

    @property
    def digest(self) -> Sha256:
        """The digest of all images with their labels, which evaluations pin: that of the digests of the tars."""
        return digest_of([shard.tar.sha256 for shard in self.shards])


def labeling_manifest(
    request: LabelingRequest,
    records: Mapping[int, LabelingShardRecord],
    *,
    num_other_files: int,
) -> LabelingManifest:
    """Return the manifest of a finished labeling with at least one labelled image."""
    ordered = [records[index] for index in sorted(records)]
    tars = [(record.tar, len(record.images)) for record in ordered if record.tar is not None]
    images = [image for record in ordered for image in record.images]
    return LabelingManifest(
        status=JobStatus.SUCCEEDED,
        labels=request.labels,
        started_at=min(record.started_at for record in ordered),
        finished_at=max(record.finished_at for record in ordered),
        num_samples=len(images),
        num_other_files=num_other_files,
        num_bytes=sum(tar.num_bytes for tar, _ in tars),
        class_pixels=_add(record.class_pixels for record in ordered),
        class_images=_add(record.class_images for record in ordered),
        ignored_pixels=sum(record.ignored_pixels for record in ordered),
        mean_score=sum(image.score for image in images) / len(images),
        label_seconds=sum(record.label_seconds for record in ordered),
        images=tuple(sorted(images, key=lambda image: (-image.score, image.index))),
        unreadable=tuple(image for record in ordered for image in record.unreadable),
        shards=tuple(
            LabelledShard(index=index, tar=tar, num_samples=count)
            for index, (tar, count) in enumerate(tars)
        ),
    )


def _add(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Add counts class by class."""
    return tuple(sum(column) for column in zip(*counts, strict=True))
