"""The pages of labelings: labels for a visitor's own images, the most uncertain ones first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.http.idempotency import Created
from app.http.json_bodies import validated
from app.jobs.service import JobState
from app.labelings import service, uploading
from app.labelings.schemas import LabelingForm, LabelingView, show_labeling
from app.labelsets.forms import Form
from app.ui.checks import check_job
from app.ui.choices import fit_choices
from app.ui.forms import ONCE, TOKEN, FormState, answer, body_of, check_form
from app.ui.jobs import JobPages
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.errors.tree import InvalidRequest
from contracts.kinds import LABELING

router = APIRouter(route_class=PageRoute, include_in_schema=False)
uploads = APIRouter(route_class=PageRoute, include_in_schema=False)
"""A separate router, because its bodies may be large."""


def _row(labeling: LabelingView) -> tuple[str, tuple[str, ...]]:
    facts = [", ".join(labeling.labels.tasks)]
    if labeling.metrics is not None:
        facts.append(f"{labeling.metrics.num_samples:,} images")
    return labeling.name or "Labeling", tuple(facts)


PAGES = JobPages(
    LABELING,
    title="Labelings",
    about="A labeling labels your own unlabelled images by a fit, and ranks them by uncertainty.",
    empty="A labeling needs a fit that has succeeded, and your images.",
    show=show_labeling,
    row=_row,
)


def _form(visit: Visit, form: FormState, status: int = 200) -> Response:
    return visit.page("forms/labeling.html", status, form=form, fits=fit_choices(visit))


@router.get("/ui/labelings/new", name="ui_new_labeling")
def show_form(visit: VisitDep, fit: str = "") -> Response:
    """Show the form of a new labeling."""
    return _form(visit, FormState(values={"fit": fit} if fit else {}))


@uploads.post("/ui/labelings", name="ui_create_labeling")
async def create(request: Request, visit: VisitDep) -> Response:
    """Create a labeling as the API does."""
    async with _received(request, visit) as (form, folder):

        def create_labeling() -> str:
            return f"/ui/labelings/{_create(visit, form, folder).value.ref.id}"

        return await run_in_threadpool(answer, create_labeling, partial(_form, visit), form.texts)


@uploads.post("/ui/labelings/check", name="ui_check_labeling")
async def check(request: Request, visit: VisitDep) -> Response:
    """Check the form with its images, and show what the labeling will probably cost."""
    async with _received(request, visit) as (form, folder):
        validate = partial(_create, visit, form, folder, validate_only=True)
        return await run_in_threadpool(
            check_job, visit, validate, partial(_form, visit), form.texts
        )


@asynccontextmanager
async def _received(request: Request, visit: Visit) -> AsyncIterator[tuple[Form, Path]]:
    """Yield the fields and the files of a form, after its token is checked."""
    fields = {**uploading.FIELDS, TOKEN: "text", ONCE: "text"}
    async with uploading.received(request, visit.services, visit.tenant, fields) as (form, folder):
        check_form(visit, form.texts)
        yield form, folder


def _create(
    visit: Visit, form: Form, folder: Path, *, validate_only: bool = False
) -> Created[JobState]:
    fields = body_of(form.texts)
    if not any(form.files.values()):
        validated(LabelingForm, fields)
        raise InvalidRequest.at(
            "/images", "Expected images or one archive, got no file. Choose some."
        )
    body = uploading.as_images(form, fields, folder)
    key = form.texts.get(ONCE)
    return service.create(visit.services, visit.tenant, body, key, validate_only=validate_only)


PAGES.add_to(router)
