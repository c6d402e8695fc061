"""The pages of batches: the counts of classes, the gallery of its samples, resume."""

from functools import partial

from fastapi import APIRouter, Response

from app.batches import service
from app.batches.schemas import BatchCreate, BatchView, show_batch
from app.http.idempotency import Created
from app.http.json_bodies import validated
from app.jobs.service import JobState
from app.ui.checks import check_job
from app.ui.choices import fit_choices
from app.ui.forms import ONCE, FieldsDep, FieldValues, FormState, answer, body_of
from app.ui.jobs import Facts, JobPages, ref_of
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, VisitDep
from contracts.exports import EXPORT_NEEDS
from contracts.kinds import BATCH

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def _row(batch: BatchView) -> tuple[str, tuple[str, ...]]:
    facts = [", ".join(batch.labels.tasks), f"seed {batch.seed}"]
    if batch.metrics is not None and batch.metrics.num_samples < batch.n:
        facts.append(f"{batch.metrics.num_samples:,} finished")
    return f"{batch.n:,} samples", tuple(facts)


def _facts(_visit: Visit, batch: BatchView) -> Facts:
    tasks = set(batch.labels.tasks)
    formats = [name for name, needs in EXPORT_NEEDS.items() if not needs or set(needs) & tasks]
    return {"formats": formats}


PAGES = JobPages(
    BATCH,
    title="Batches",
    about="A batch is a finite number of new images with labels, in shards that training loops read.",
    empty="A batch needs a fit that has succeeded.",
    show=show_batch,
    row=_row,
    facts=_facts,
)


def _form(visit: Visit, form: FormState, status: int = 200) -> Response:
    return visit.page("forms/batch.html", status, form=form, fits=fit_choices(visit))


@router.get("/ui/batches/new", name="ui_new_batch")
def show_form(visit: VisitDep, fit: str = "") -> Response:
    """Show the form of a new batch."""
    return _form(visit, FormState(values={"fit": fit} if fit else {}))


@router.post("/ui/batches", name="ui_create_batch")
def create(visit: VisitDep, fields: FieldsDep) -> Response:
    """Create a batch as the API does."""
    return answer(
        lambda: f"/ui/batches/{_create(visit, fields).value.ref.id}", partial(_form, visit), fields
    )


@router.post("/ui/batches/check", name="ui_check_batch")
def check(visit: VisitDep, fields: FieldsDep) -> Response:
    """Check the form, and show what the batch will probably cost."""
    validate = partial(_create, visit, fields, validate_only=True)
    return check_job(visit, validate, partial(_form, visit), fields)


def _create(visit: Visit, fields: FieldValues, *, validate_only: bool = False) -> Created[JobState]:
    body = validated(BatchCreate, body_of(fields, numbers=("condition",)))
    return service.create(
        visit.services, visit.tenant, body, fields.get(ONCE), validate_only=validate_only
    )


@router.post("/ui/batches/{job_id}/resume", name="ui_resume_batch")
def resume(job_id: str, visit: VisitDep, fields: FieldsDep) -> Response:
    """Create a batch that adopts the finished shards of one that failed or was cancelled."""
    batch = service.resume(visit.services, ref_of(visit, BATCH, job_id), fields.get(ONCE))
    return see(f"/ui/batches/{batch.value.ref.id}")


PAGES.add_to(router)
