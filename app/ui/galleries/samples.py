"""The gallery of a batch or a labeling: a page of samples, and one sample with its layers."""

import json

from fastapi import APIRouter, Response

from app.ui.formatting import decibels, score
from app.ui.galleries.filters import FilterQuery, find_places
from app.ui.galleries.galleries import GALLERIES, Gallery, Read, open_gallery
from app.ui.galleries.viewing import Shown, neighbours
from app.ui.images.pictures import Layer, picture
from app.ui.routing import PageRoute
from app.ui.visits import VisitDep
from contracts.kinds import Kind

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_SOURCES: dict[Layer, str] = {
    "image": "image",
    "mask": "mask",
    "points": "keypoints",
    "depth": "depth",
    "uncertainty": "uncertainty",
}


def _add_routes(kind: Kind) -> None:
    base = f"/ui/{kind.noun}/{{job_id}}/samples"

    @router.get(base, name=f"ui_{kind.name}_samples")
    def show_page(job_id: str, visit: VisitDep, chosen: FilterQuery, start: int = 0) -> Response:
        gallery = open_gallery(visit, kind, job_id)
        found = find_places(gallery, chosen, start)
        samples = [(place, gallery.sample(place)) for place in found.places]
        return visit.page(
            "gallery/samples.html",
            gallery=gallery,
            found=found,
            samples=samples,
            chosen=chosen,
            kind=kind,
        )

    @router.get(f"{base}/{{place}}", name=f"ui_{kind.name}_sample")
    def show_sample(job_id: str, place: int, visit: VisitDep) -> Response:
        gallery = open_gallery(visit, kind, job_id)
        shown = _shown(gallery, place, gallery.reader(place))
        owner = {"title": gallery.title, "href": f"{gallery.href}/samples"}
        around = neighbours(f"{gallery.href}/samples", place, gallery.total)
        return visit.page("gallery/viewer.html", shown=shown, owner=owner, around=around)

    @router.get(f"{base}/{{place}}/{{layer}}", name=f"ui_{kind.name}_layer")
    def read_layer(job_id: str, place: int, layer: Layer, visit: VisitDep) -> Response:
        gallery = open_gallery(visit, kind, job_id)
        return picture(gallery.reader(place), layer, gallery.labels)


def _shown(gallery: Gallery, place: int, read: Read) -> Shown:
    return Shown(
        name=gallery.images[place].name
        if gallery.images
        else f"Sample {place + 1:,} of {gallery.total:,}",
        base=f"{gallery.href}/samples/{place}",
        size=(0, 0),
        layers=tuple(layer for layer, name in _SOURCES.items() if read(name) is not None),
        labels=gallery.labels,
        facts=_facts(gallery, place, read("facts")),
        fractions=gallery.sample(place).fractions,
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


for _kind, _ in GALLERIES.values():
    _add_routes(_kind)
