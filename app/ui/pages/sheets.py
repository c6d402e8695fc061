"""Explore a generator: samples at any truncation, and a walk between samples. A worker draws each sheet once."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from app import on_demand
from app.jobs import service as jobs
from app.ui.jobs import ref_of
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.errors.conflicts import GeneratorNotReady
from contracts.errors.tree import HandsOffError
from contracts.generators.families import DIFFUSION
from contracts.generators.generator import GeneratorManifest, StoredGenerator
from contracts.generators.sheets import (
    COLUMNS,
    NUM_CELLS,
    NUM_SHEET_SEEDS,
    SHEET_VIEWS,
    SheetRecord,
    SheetRef,
    SheetView,
)
from contracts.kinds import GENERATOR
from state.on_demand.kinds import SHEETS

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_BASE = "/ui/generators/{job_id}/explore"


@dataclass(frozen=True)
class SheetChoice:
    """What a visitor wants to see. The numbers are limited, so a generator has a limited number of sheets."""

    view: SheetView
    percent: int
    seed: int

    @property
    def query(self) -> str:
        """The choice as a query."""
        return f"?view={self.view}&truncation={self.percent}&seed={self.seed}"


async def _choice(
    view: Annotated[SheetView, Query()] = "samples",
    truncation: Annotated[int, Query(ge=10, le=100, multiple_of=10)] = 70,
    seed: Annotated[int, Query(ge=0, lt=NUM_SHEET_SEEDS)] = 0,
) -> SheetChoice:
    return SheetChoice(view, truncation, seed)


ChoiceDep = Annotated[SheetChoice, Depends(_choice)]


@router.get(_BASE, name="ui_explore_generator")
def explore(job_id: str, visit: VisitDep, choice: ChoiceDep) -> Response:
    """Show the choice as a form, and its sheet, or that it is being drawn."""
    return _page(visit, job_id, choice, "gallery/explore.html")


@router.get(f"{_BASE}/sheet", name="ui_explored_sheet")
def show_sheet(job_id: str, visit: VisitDep, choice: ChoiceDep) -> Response:
    """Return the part of the page that shows the sheet. It asks again until the sheet is drawn."""
    return _page(visit, job_id, choice, "gallery/sheet.html")


@router.get(f"{_BASE}/picture", name="ui_sheet_picture")
def read_picture(job_id: str, visit: VisitDep, choice: ChoiceDep) -> Response:
    """Return the picture of a sheet that is drawn. Raises 404 before."""
    record = on_demand.find(visit.services, SHEETS, _ref(visit, job_id, choice)[1])
    if record is None:
        raise HTTPException(404)
    data = visit.services.store.get(record.picture.key)
    headers = {"Cache-Control": "private, max-age=600"}
    return Response(data, media_type="image/png", headers=headers)


def _page(visit: Visit, job_id: str, choice: SheetChoice, template: str) -> Response:
    stored, ref = _ref(visit, job_id, choice)
    record, trouble = _request_sheet(visit, ref)
    return visit.page(
        template,
        generator=stored,
        choice=choice,
        record=record,
        trouble=trouble,
        views=SHEET_VIEWS,
        num_seeds=NUM_SHEET_SEEDS,
        columns=COLUMNS,
        num_cells=NUM_CELLS,
        has_truncation=not DIFFUSION.includes(stored.architecture),
    )


def _ref(visit: Visit, job_id: str, choice: SheetChoice) -> tuple[StoredGenerator, SheetRef]:
    """Return a ready generator and the reference of one of its sheets. Raises `NotFound` or `GeneratorNotReady`."""
    ref = ref_of(visit, GENERATOR, job_id)
    state = jobs.find(visit.services, ref)
    manifest = state.record.manifest
    stored = manifest.generator if isinstance(manifest, GeneratorManifest) else None
    if stored is None:
        raise GeneratorNotReady(ref.id, state.status)
    return stored, SheetRef(
        generator=ref,
        view=choice.view,
        truncation_percent=choice.percent,
        seed=choice.seed,
        digest=stored.digest[:12],
    )


def _request_sheet(visit: Visit, ref: SheetRef) -> tuple[SheetRecord | None, str]:
    """Return the record, or nothing after it is queued, and why it cannot be drawn, if so."""
    record = on_demand.find(visit.services, SHEETS, ref)
    if record is not None:
        return record, ""
    try:
        on_demand.require(visit.services, SHEETS, ref)
    except HandsOffError as error:
        return None, error.detail
    return None, ""
