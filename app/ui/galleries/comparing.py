"""Two batches side by side: the same samples with the labels of two fits, and how far the labels agree."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from PIL import Image, ImageChops

from app.batches.schemas import BatchView, show_batch
from app.jobs import service as jobs
from app.ui.choices import batch_choices
from app.ui.galleries.galleries import Gallery, Read, open_gallery
from app.ui.jobs import ref_of
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.kinds import BATCH

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PAGE_SIZE = 8
_ROUNDING = 2
"""Of 255. JPEG files of the same image are equal."""

OtherQuery = Annotated[str, Query(alias="with")]


@dataclass(frozen=True)
class Pair:
    """One place of two batches: whether the images are the same, and the share of pixels with equal classes."""

    place: int
    is_same_image: bool
    agreement: float | None


@router.get("/ui/batches/{job_id}/compare", name="ui_compare_batches")
def compare(job_id: str, visit: VisitDep, other: OtherQuery = "", start: int = 0) -> Response:
    """Show two batches next to each other, or ask for the second one."""
    left = _view(visit, job_id)
    choices = [one for one in batch_choices(visit) if one.id != left.id]
    context: dict[str, Any] = {"left": left, "choices": choices, "chosen": other}
    if not other:
        return visit.page("gallery/compare.html", **context, right=None, pairs=(), notes=())
    right = _view(visit, other)
    galleries = [open_gallery(visit, BATCH, one.id) for one in (left, right)]
    total = min(gallery.total for gallery in galleries)
    start = min(max(0, start), max(0, total - 1)) // PAGE_SIZE * PAGE_SIZE
    stop = min(start + PAGE_SIZE, total)
    pairs = [_pair(galleries, place) for place in range(start, stop)]
    return visit.page(
        "gallery/compare.html",
        **context,
        right=right,
        pairs=pairs,
        start=start,
        stop=stop,
        total=total,
        page_size=PAGE_SIZE,
        notes=_notes(left, right, pairs),
    )


def _view(visit: Visit, job_id: str) -> BatchView:
    return show_batch(jobs.find(visit.services, ref_of(visit, BATCH, job_id)), visit.exchange)


def _pair(galleries: Sequence[Gallery], place: int) -> Pair:
    left, right = (gallery.reader(place) for gallery in galleries)
    return Pair(place, _is_same(left("image"), right("image")), _agreement(left, right))


def _is_same(left: bytes | None, right: bytes | None) -> bool:
    """Return whether two images have the same pixels, up to rounding. Their files name their fits, so they differ."""
    if left is None or right is None:
        return left == right
    images = [_rgb(data) for data in (left, right)]
    if images[0].size != images[1].size:
        return False
    extrema = ImageChops.difference(images[0], images[1]).getextrema()
    return all(highest <= _ROUNDING for _, highest in extrema)  # type: ignore[misc]  # three bands


def _rgb(data: bytes) -> "Image.Image":
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as loaded:
        return loaded.convert("RGB")


def _agreement(left: Read, right: Read) -> float | None:
    """Return the share of pixels with the same class, or None without two masks of one size."""
    masks = [_mask(read("mask")) for read in (left, right)]
    if masks[0] is None or masks[1] is None or masks[0].size != masks[1].size:
        return None
    histogram = ImageChops.difference(masks[0], masks[1]).histogram()
    return histogram[0] / sum(histogram)


def _mask(data: bytes | None) -> "Image.Image | None":
    if data is None:
        return None
    with Image.open(io.BytesIO(data), formats=("PNG",)) as loaded:
        return Image.frombytes("L", loaded.size, loaded.tobytes())


def _notes(left: BatchView, right: BatchView, pairs: Sequence[Pair]) -> list[str]:
    """Return why the images or the classes of two batches differ."""
    notes = []
    if left.seed != right.seed:
        notes.append(f"The seeds differ: {left.seed} and {right.seed}.")
    if left.truncation != right.truncation:
        notes.append(f"The truncations differ: {left.truncation} and {right.truncation}.")
    if left.filter != right.filter:
        notes.append("The filters differ, so different candidates were kept.")
    if left.labels.classes != right.labels.classes:
        notes.append("The classes differ, so the agreement compares only their order.")
    if not notes and not all(pair.is_same_image for pair in pairs):
        notes.append("Some images differ, as after another generator, filter or device.")
    return notes
