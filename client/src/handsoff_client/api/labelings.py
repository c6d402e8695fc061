"""Labelings: have a fit label real images, and download images and labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.jobs import Watch
from handsoff_client.api.resources import Labeling
from handsoff_client.api.sharded import ShardedJobs, ShardOperations
from handsoff_client.http.operations import (
    GET_LABELING_ARCHIVE,
    GET_LABELING_MANIFEST,
    LABELINGS,
    LIST_LABELING_SHARDS,
)
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport
from handsoff_client.uploads.images import opened_images
from handsoff_client.uploads.sending import send_file


@dataclass(frozen=True)
class PixelBox:
    """The labelled part of an image in pixels of the upright original. Beyond its edges lies padding."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class LabelledImage:
    """One labelled image. `index` is its key in the shards, `name` its path in the upload.

    `score` is the uncertainty. `expressibility` is 0 to 1; below 0.5 the generator cannot reconstruct the image well
    enough (`is_expressible`), so check its labels.
    """

    index: int
    name: str
    width_px: int
    height_px: int
    box: PixelBox
    score: float
    expressibility: float
    is_expressible: bool
    psnr_db: float


@dataclass(frozen=True)
class UnreadableImage:
    """A file that is not labelled, and why."""

    index: int
    name: str
    reason: str


@dataclass(frozen=True)
class LabelingReport:
    """All labelled images, the most uncertain one first, and all files that could not be read."""

    images: tuple[LabelledImage, ...]
    unreadable: tuple[UnreadableImage, ...]
    num_other_files: int = 0


class Labelings(ShardedJobs[Labeling]):
    """The labelings of a service: `client.labelings`."""

    def __init__(self, transport: Transport) -> None:
        of_shards = ShardOperations(
            LIST_LABELING_SHARDS, GET_LABELING_MANIFEST, GET_LABELING_ARCHIVE
        )
        super().__init__(transport, LABELINGS, of_shards, Labeling)

    def create(  # noqa: PLR0913 - keyword-only, each with a default beyond the first
        self,
        images: Path | str,
        /,
        *,
        fit: str,
        name: str | None = None,
        aspect: str | None = None,
        image_format: str | None = None,
        shard_size: int | None = None,
        condition: int | None = None,
        soft_labels: int | None = None,
        ignore_above: float | None = None,
        **more: object,
    ) -> Labeling:
        """Upload a folder, zip or tar of real images, and queue their labeling by a succeeded fit.

        Images of another aspect ratio than the generator's are cropped around their center; `aspect="pad"` keeps them
        whole. `condition` is the class of all images for a class-conditional generator. `soft_labels` and
        `ignore_above` are those of a batch. `more` is sent unchanged: fields of a newer service that this client does
        not have yet.
        """
        with opened_images(Path(images), least=1) as archive:
            return self._create(
                fit=fit,
                upload=send_file(self._transport, archive),
                name=name,
                aspect=aspect,
                image_format=image_format,
                shard_size=shard_size,
                condition=condition,
                soft_labels=soft_labels,
                ignore_above=ignore_above,
                **more,
            )

    def report(self, labeling_id: str) -> LabelingReport:
        """Return all images, most uncertain first. Raises `NotRendered` before the labeling has succeeded."""
        return parse(LabelingReport, self.manifest(labeling_id))

    def to_folder(
        self,
        folder: Path | str,
        *,
        fit: str,
        images: Path | str,
        watch: Watch | None = None,
        **more: Any,  # noqa: ANN401 - the arguments of `create`
    ) -> BatchFolder:
        """Have a fit label images, wait, and download images and labels to a folder.

        `watch` is passed to `wait`, `more` to `create`. Raises the errors of `create`, `wait` and `download`.
        """
        labeling = self.create(images, fit=fit, **more)
        self.wait(labeling.id, watch=watch)
        return self.download(labeling.id, folder)
