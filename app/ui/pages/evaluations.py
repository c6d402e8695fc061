"""The pages of evaluations: the verdict, the scores of each arm, and the report in a frame that runs no script."""

from functools import partial

from fastapi import APIRouter, HTTPException, Response

from app.evaluations import service
from app.evaluations.schemas import EvaluationCreate, EvaluationView, show_evaluation
from app.http.idempotency import Created
from app.http.json_bodies import validated
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.ui.checks import check_job
from app.ui.choices import fit_choices, labeling_choices, labelset_choices
from app.ui.forms import ONCE, FieldsDep, FieldValues, FormState, answer, body_of
from app.ui.jobs import Facts, JobPages, ref_of
from app.ui.routing import PageRoute
from app.ui.visits import Visit, VisitDep
from contracts.evaluations.evaluation import EvaluationManifest
from contracts.evaluations.networks import network_name
from contracts.kinds import EVALUATION

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""The report has everything in one file. In the frame it runs no script and loads nothing."""
_LISTS = ("options/synthetic_counts", "options/arms")


def _row(evaluation: EvaluationView) -> tuple[str, tuple[str, ...]]:
    facts = [", ".join(evaluation.labels.tasks), f"{evaluation.options.num_seeds} trainings an arm"]
    return evaluation.name or "Evaluation", tuple(facts)


def _facts(_visit: Visit, evaluation: EvaluationView) -> Facts:
    has_report = any(file.name == "report.html" for file in evaluation.files)
    return {"has_report": has_report, "network": network_name(evaluation.options.network)}


PAGES = JobPages(
    EVALUATION,
    title="Evaluations",
    about="An evaluation measures on held-out real images whether generated pairs train better networks.",
    empty="An evaluation needs a fit that has succeeded, and labelled images that the fit has not learned from.",
    show=show_evaluation,
    row=_row,
    facts=_facts,
)


def _form(visit: Visit, form: FormState, status: int = 200) -> Response:
    return visit.page(
        "forms/evaluation.html",
        status,
        form=form,
        fits=fit_choices(visit),
        labelsets=labelset_choices(visit),
        labelings=labeling_choices(visit),
    )


@router.get("/ui/evaluations/new", name="ui_new_evaluation")
def show_form(visit: VisitDep, fit: str = "", labeling: str = "") -> Response:
    """Show the form of a new evaluation, with a fit and its labeling already chosen if they are named."""
    chosen = {"fit": fit, "labeling": labeling}
    return _form(visit, FormState(values={name: one for name, one in chosen.items() if one}))


@router.post("/ui/evaluations", name="ui_create_evaluation")
def create(visit: VisitDep, fields: FieldsDep) -> Response:
    """Create an evaluation as the API does."""
    return answer(
        lambda: f"/ui/evaluations/{_create(visit, fields).value.ref.id}",
        partial(_form, visit),
        fields,
    )


@router.post("/ui/evaluations/check", name="ui_check_evaluation")
def check(visit: VisitDep, fields: FieldsDep) -> Response:
    """Check the form, and show what the evaluation will probably cost."""
    validate = partial(_create, visit, fields, validate_only=True)
    return check_job(visit, validate, partial(_form, visit), fields)


def _create(visit: Visit, fields: FieldValues, *, validate_only: bool = False) -> Created[JobState]:
    body = validated(EvaluationCreate, body_of(fields, lists=_LISTS))
    return service.create(
        visit.services, visit.tenant, body, fields.get(ONCE), validate_only=validate_only
    )


@router.get("/ui/evaluations/{job_id}/report", name="ui_evaluation_report")
def read_report(job_id: str, visit: VisitDep) -> Response:
    """Return the report as it is stored, with a policy that lets nothing in it run."""
    manifest = jobs.find(visit.services, ref_of(visit, EVALUATION, job_id)).record.manifest
    files = manifest.files if isinstance(manifest, EvaluationManifest) else {}
    if "report.html" not in files:
        raise HTTPException(404)
    text = visit.services.store.get(files["report.html"].key)
    headers = {"Content-Security-Policy": _REPORT_POLICY}
    return Response(text, media_type="text/html", headers=headers)


PAGES.add_to(router)
