"""The gallery of a batch or a labeling: a page of samples, and one sample with its layers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Response

from app.batches import service as batches
from app.jobs import service as jobs
from app.labelings import service as labelings
from app.ui.formatting import decibels, score
from app.ui.images.pictures import Layer, picture
from app.ui.images.tars import ShardIndexes
from app.ui.jobs import ref_of
from app.ui.pages.viewing import Shown, neighbours
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.base import Artefact
from contracts.batches import BatchRequest
from contracts.errors.tree import NotFound
from contracts.jobs import JobRef
from contracts.kinds import BATCH, LABELING, Kind
from contracts.labelings import LabelledImage
from contracts.schemas import LabelSchema
from state.batches.pages import shards_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PAGE_SIZE = 24
_INDEXES = ShardIndexes()
_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "image": ("png", "jpg"),
    "mask": ("mask.png",),
    "keypoints": ("keypoints.json",),
    "depth": ("depth.png",),
    "uncertainty": ("uncertainty.png",),
    "facts": ("json",),
}


@dataclass(frozen=True)
class Gallery:
    """The samples of one job, in the order of their places: how many, and where the file of one is."""

    title: str
    href: str
    labels: LabelSchema
    total: int
    locate: Callable[[int], tuple[Artefact, int]]
    images: Sequence[LabelledImage] = ()


def _of_batch(visit: Visit, ref: JobRef) -> Gallery:
    """Return the samples of a batch by place: a batch that was cancelled lacks some indices."""
    manifest, store = batches.read_finished(visit.services, ref), visit.services.store
    request = jobs.find(visit.services, ref).record.request
    assert manifest.labels is not None
    assert isinstance(request, BatchRequest)
    size = request.shard_size

    def locate(place: int) -> tuple[Artefact, int]:
        shard = next(shards_of(store, manifest, place // size, place // size + 1), None)
        if shard is None or place % size >= shard.num_samples:
            raise HTTPException(404)
        return shard.tar, shard.index * size + place % size

    return Gallery(
        f"Batch of {manifest.num_samples:,}",
        f"/ui/batches/{ref.id}",
        manifest.labels,
        manifest.num_samples,
        locate,
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
        manifest.images,
    )


def _first_indices(images: Sequence[LabelledImage], counts: Sequence[int]) -> list[int]:
    """Return the index of the first image of each shard: shards hold the images in the order of their indices."""
    ordered = sorted(image.index for image in images)
    places = [sum(counts[:number]) for number in range(len(counts))]
    return [ordered[place] for place in places]


_GALLERIES = {BATCH.noun: (BATCH, _of_batch), LABELING.noun: (LABELING, _of_labeling)}


def _open(visit: Visit, kind: Kind, job_id: str) -> Gallery:
    return _GALLERIES[kind.noun][1](visit, ref_of(visit, kind, job_id))


def _reader(visit: Visit, gallery: Gallery, place: int) -> Callable[[str], bytes | None]:
    """Return the function that reads a file of a sample. Raises `NotFound` for a place that the gallery lacks."""
    if not 0 <= place < gallery.total:
        raise HTTPException(404)
    tar, index = gallery.locate(place)
    files = _INDEXES.files_of(visit.services.store, tar, f"{index:09d}")
    if not files:
        raise NotFound("sample", f"{index:09d}")

    def read(name: str) -> bytes | None:
        extents = [files[extension] for extension in _EXTENSIONS[name] if extension in files]
        return visit.services.store.get_range(tar.key, *extents[0]) if extents else None

    return read


def _add_routes(kind: Kind) -> None:
    base = f"/ui/{kind.noun}/{{job_id}}/samples"

    @router.get(base, name=f"ui_{kind.name}_samples")
    def show_page(job_id: str, visit: VisitDep, start: int = 0) -> Response:
        gallery = _open(visit, kind, job_id)
        start = min(max(0, start), max(0, gallery.total - 1)) // PAGE_SIZE * PAGE_SIZE
        stop = min(start + PAGE_SIZE, gallery.total)
        return visit.page(
            "gallery.html", gallery=gallery, start=start, stop=stop, page_size=PAGE_SIZE
        )

    @router.get(f"{base}/{{place}}", name=f"ui_{kind.name}_sample")
    def show_sample(job_id: str, place: int, visit: VisitDep) -> Response:
        gallery = _open(visit, kind, job_id)
        read = _reader(visit, gallery, place)
        shown = _shown(gallery, place, read)
        owner = {"title": gallery.title, "href": gallery.href}
        around = neighbours(f"{gallery.href}/samples", place, gallery.total)
        return visit.page("viewer.html", shown=shown, owner=owner, around=around)

    @router.get(f"{base}/{{place}}/{{layer}}", name=f"ui_{kind.name}_layer")
    def read_layer(job_id: str, place: int, layer: Layer, visit: VisitDep) -> Response:
        gallery = _open(visit, kind, job_id)
        return picture(_reader(visit, gallery, place), layer, gallery.labels)


def _shown(gallery: Gallery, place: int, read: Callable[[str], bytes | None]) -> Shown:
    names: dict[Layer, str] = {
        "image": "image",
        "mask": "mask",
        "points": "keypoints",
        "depth": "depth",
        "uncertainty": "uncertainty",
    }
    return Shown(
        name=gallery.images[place].name
        if gallery.images
        else f"Sample {place + 1:,} of {gallery.total:,}",
        base=f"{gallery.href}/samples/{place}",
        size=(0, 0),
        layers=tuple(layer for layer, name in names.items() if read(name) is not None),
        labels=gallery.labels,
        facts=_facts(gallery, place, read("facts")),
    )


def _facts(gallery: Gallery, place: int, data: bytes | None) -> dict[str, str]:
    """Return what a sample says about itself, for people."""
    facts = {"image": f"{place + 1:,} of {gallery.total:,}"} if gallery.images else {}
    stored = json.loads(data) if data else {}
    if "seed" in stored:
        facts["seed"] = f"{stored['seed']}, index {stored.get('index', place)}"
    if isinstance(stored.get("score"), int | float):
        facts["uncertainty"] = score(stored["score"], 3)
    if gallery.images:
        image = gallery.images[place]
        facts["reconstruction"] = decibels(image.psnr_db)
        facts["expressible"] = "yes" if image.is_expressible else "no: check its labels"
    return facts


for _kind, _ in _GALLERIES.values():
    _add_routes(_kind)
