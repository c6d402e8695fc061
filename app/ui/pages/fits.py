"""The pages of fits: quality by class, the images that the fit finds hard, and the advice of its record."""

from functools import partial

from fastapi import APIRouter, HTTPException, Response

from app.fits import service
from app.fits.schemas import FitCreate, FitView, show_fit
from app.generators import service as generators
from app.http.idempotency import Created
from app.http.json_bodies import validated
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.ui.checks import check_job
from app.ui.choices import labelset_choices
from app.ui.forms import ONCE, FieldsDep, FieldValues, FormState, answer, body_of
from app.ui.jobs import JobPages, ref_of
from app.ui.pages.fit_facts import facts
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.fits.fit import FitManifest
from contracts.kinds import FIT

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def _row(fit: FitView) -> tuple[str, tuple[str, ...]]:
    facts = [fit.generator.id, ", ".join(fit.labels.tasks)]
    estimate = fit.metrics.estimate if fit.metrics else None
    if estimate is not None and estimate.miou is not None:
        facts.append(f"estimated mIoU {estimate.miou:.2f}")
    return fit.name or "Fit", tuple(facts)


PAGES = JobPages(
    FIT,
    title="Fits",
    about="A fit learns labels from your pairs. Once it has succeeded, it labels every image of its generator.",
    empty="A fit needs a labelset and a generator. The built-in generators are ready.",
    show=show_fit,
    row=_row,
    facts=facts,
)


def _form(visit: Visit, form: FormState, status: int = 200) -> Response:
    return visit.page(
        "forms/fit.html",
        status,
        form=form,
        generators=generators.list_ids(visit.services, visit.tenant),
        labelsets=labelset_choices(visit),
    )


@router.get("/ui/fits/new", name="ui_new_fit")
def show_form(visit: VisitDep, labelset: str = "", generator: str = "") -> Response:
    """Show the form of a new fit."""
    given = {"labelset": labelset, "generator": generator}
    return _form(visit, FormState(values={name: one for name, one in given.items() if one}))


@router.post("/ui/fits", name="ui_create_fit")
def create(visit: VisitDep, fields: FieldsDep) -> Response:
    """Create a fit as the API does."""
    return answer(
        lambda: f"/ui/fits/{_create(visit, fields).value.ref.id}", partial(_form, visit), fields
    )


@router.post("/ui/fits/check", name="ui_check_fit")
def check(visit: VisitDep, fields: FieldsDep) -> Response:
    """Check the form, and show what the fit will probably cost."""
    validate = partial(_create, visit, fields, validate_only=True)
    return check_job(visit, validate, partial(_form, visit), fields)


def _create(visit: Visit, fields: FieldValues, *, validate_only: bool = False) -> Created[JobState]:
    body = validated(FitCreate, body_of(fields, lists=("options/tasks",)))
    return service.create(
        visit.services, visit.tenant, body, fields.get(ONCE), validate_only=validate_only
    )


@router.get("/ui/fits/{job_id}/sheet", name="ui_fit_sheet")
def read_sheet(job_id: str, visit: VisitDep) -> Response:
    """Return the picture of a fit: each image with its reconstruction, label and prediction."""
    state = jobs.find(visit.services, ref_of(visit, FIT, job_id))
    manifest = state.record.manifest
    if not isinstance(manifest, FitManifest) or manifest.sheet is None:
        raise HTTPException(404)
    return Response(visit.services.store.get(manifest.sheet.key), media_type="image/png")


PAGES.add_to(router)
