"""The samples of one batch or labeling in the order of their places, and the files of each in its shard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import HTTPException

from app.batches import service as batches
from app.jobs import service as jobs
from app.labelings import service as labelings
from app.ui.images.tars import INDEXES, Indexed
from app.ui.jobs import ref_of
from app.ui.visits import Visit
from contracts.base import Artefact
from contracts.batches import BatchRequest, ShardRecord
from contracts.errors.tree import NotFound
from contracts.jobs import JobRef
from contracts.kinds import BATCH, LABELING, Kind
from contracts.labelings import LabelledImage
from contracts.schemas import LabelSchema
from state.batches.pages import shards_of
from state.store import Store

_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "image": ("png", "jpg"),
    "mask": ("mask.png",),
    "keypoints": ("keypoints.json",),
    "depth": ("depth.png",),
    "uncertainty": ("uncertainty.png",),
    "facts": ("json",),
}

Read = Callable[[str], bytes | None]
"""Returns a file of a sample by the name of its layer, if there is one."""


@dataclass(frozen=True)
class Gallery:
    """The samples of one job: how many, the shard of each place, and its index in that shard's names."""

    title: str
    href: str
    labels: LabelSchema
    total: int
    locate: Callable[[int], tuple[Artefact, int]]
    store: Store
    images: Sequence[LabelledImage] = ()

    def is_known(self, place: int) -> bool:
        """Return whether the shard of a place is in memory."""
        return INDEXES.has(self.locate(place)[0])

    def sample(self, place: int) -> Indexed:
        """Return the sample at a place. Raises 404 for a place that the gallery lacks, `NotFound` for a lost sample."""
        if not 0 <= place < self.total:
            raise HTTPException(404)
        tar, index = self.locate(place)
        sample = INDEXES.of(self.store, tar).get(f"{index:09d}")
        if sample is None:
            raise NotFound("sample", f"{index:09d}")
        return sample

    def reader(self, place: int) -> Read:
        """Return the function that reads the files of a sample. Raises as `sample` does."""
        extents, tar = self.sample(place).extents, self.locate(place)[0]

        def read(name: str) -> bytes | None:
            found = [extents[extension] for extension in _EXTENSIONS[name] if extension in extents]
            return self.store.get_range(tar.key, *found[0]) if found else None

        return read


def open_gallery(visit: Visit, kind: Kind, job_id: str) -> Gallery:
    """Return the gallery of a visitor's job. Raises `NotFound`, `Gone` or `NotRendered`."""
    return GALLERIES[kind.noun][1](visit, ref_of(visit, kind, job_id))


def _of_batch(visit: Visit, ref: JobRef) -> Gallery:
    """Return the samples of a batch by place: a batch that was cancelled lacks some indices."""
    manifest, store = batches.read_finished(visit.services, ref), visit.services.store
    request = jobs.find(visit.services, ref).record.request
    assert manifest.labels is not None
    assert isinstance(request, BatchRequest)
    size = request.shard_size
    shards: dict[int, ShardRecord | None] = {}

    def locate(place: int) -> tuple[Artefact, int]:
        number = place // size
        if number not in shards:
            shards[number] = next(shards_of(store, manifest, number, number + 1), None)
        shard = shards[number]
        if shard is None or place % size >= shard.num_samples:
            raise HTTPException(404)
        return shard.tar, shard.index * size + place % size

    return Gallery(
        f"Batch of {manifest.num_samples:,}",
        f"/ui/batches/{ref.id}",
        manifest.labels,
        manifest.num_samples,
        locate,
        store,
    )


def _of_labeling(visit: Visit, ref: JobRef) -> Gallery:
    """Return the images of a labeling, the most uncertain one first."""
    manifest = labelings.read_manifest(visit.services, ref)
    assert manifest.labels is not None
    starts = _first_indices(manifest.images, [shard.num_samples for shard in manifest.shards])

    def locate(place: int) -> tuple[Artefact, int]:
        index = manifest.images[place].index
        shard = max(number for number, start in enumerate(starts) if start <= index)
        return manifest.shards[shard].tar, index

    return Gallery(
        "Labeling",
        f"/ui/labelings/{ref.id}",
        manifest.labels,
        manifest.num_samples,
        locate,
        visit.services.store,
        manifest.images,
    )


def _first_indices(images: Sequence[LabelledImage], counts: Sequence[int]) -> list[int]:
    """Return the index of the first image of each shard: shards hold the images in the order of their indices."""
    ordered = sorted(image.index for image in images)
    places = [sum(counts[:number]) for number in range(len(counts))]
    return [ordered[place] for place in places]


GALLERIES = {BATCH.noun: (BATCH, _of_batch), LABELING.noun: (LABELING, _of_labeling)}
"""By the noun: the kind, and the function that opens its gallery."""
