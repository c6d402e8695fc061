"""The pages of labelings: labels for a visitor's own images, the most uncertain ones first."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.labelings import service, uploading
from app.labelings.schemas import LabelingView, show_labeling
from app.ui.choices import fit_choices
from app.ui.forms import ONCE, TOKEN, FormState, answer, body_of, check_form
from app.ui.jobs import JobPages
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
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
    fields = {**uploading.FIELDS, TOKEN: "text", ONCE: "text"}
    async with uploading.received(request, visit.services, visit.tenant, fields) as (form, folder):
        check_form(visit, form.texts)

        def create_labeling() -> str:
            body = uploading.as_images(form, body_of(form.texts), folder)
            created = service.create(visit.services, visit.tenant, body, form.texts.get(ONCE))
            return f"/ui/labelings/{created.value.ref.id}"

        def again(state: FormState, status: int) -> Response:
            return _form(visit, state, status)

        return await run_in_threadpool(answer, create_labeling, again, form.texts)


PAGES.add_to(router)
