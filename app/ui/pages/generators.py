"""The pages of generators: the network, its samples, its training; import and training as forms."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.generators import service, training
from app.generators.schemas import GeneratorForm, GeneratorView, show_generator
from app.generators.service import CheckpointFile
from app.generators.training_schemas import show_training
from app.http.idempotency import Created
from app.http.json_bodies import validated
from app.http.requests import Exchange
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.labelsets.forms import Fields, Form
from app.labelsets.uploading import received
from app.ui.checks import check_job
from app.ui.forms import ONCE, TOKEN, FieldsDep, FormState, answer, body_of, check_form
from app.ui.jobs import JobPages, ref_of
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, VisitDep
from contracts.errors.tree import InvalidRequest
from contracts.generators.generator import GeneratorManifest
from contracts.generators.training import TrainingReport
from contracts.kinds import GENERATOR
from state import keys, records

router = APIRouter(route_class=PageRoute, include_in_schema=False)
checkpoints = APIRouter(route_class=PageRoute, include_in_schema=False)
"""A separate router, because its bodies may be as large as a checkpoint."""

_TRAINING = (
    "training/family",
    "training/px",
    "training/hours",
    "training/fit",
    "training/start_from",
    "training/flips",
)
_TEXTS = ("name", "license", *_TRAINING, TOKEN, ONCE)
_FIELDS: Fields = {"file": "file", **dict.fromkeys(_TEXTS, "text")}


def _show(state: JobState, exchange: Exchange) -> GeneratorView:
    inverters = service.list_inverters_of(exchange.services, exchange.tenant, state)
    view = show_generator(state, inverters, exchange.links, exchange.services.families)
    return view.model_copy(
        update={"training": show_training(exchange.services, state, exchange.links)}
    )


def _row(generator: GeneratorView) -> tuple[str, tuple[str, ...]]:
    facts = [generator.architecture] if generator.architecture else []
    if generator.width_px and generator.height_px:
        facts.append(f"{generator.width_px} × {generator.height_px} px")  # noqa: RUF001 - as people write it
    if generator.training is not None:
        facts.append("trained here")
    return generator.name, tuple(facts)


PAGES = JobPages(
    GENERATOR,
    title="Generators",
    about="A generator makes images of your domain. Import a checkpoint, or train one from unlabelled images.",
    empty="The built-in generators appear once a worker has started.",
    show=_show,
    row=_row,
    delete=service.delete,
)


def _form(visit: Visit, form: FormState, status: int, *, is_training: bool) -> Response:
    template = "forms/training.html" if is_training else "forms/generator.html"
    families = [family.name for family in visit.services.families if family.is_trainable]
    starts = service.list_ids(visit.services, visit.tenant)
    return visit.page(template, status, form=form, families=families, generators=starts)


@router.get("/ui/generators/new", name="ui_new_generator")
def show_form(visit: VisitDep) -> Response:
    """Show the form of an import."""
    return _form(visit, FormState(), 200, is_training=False)


@router.get("/ui/generators/train", name="ui_new_training")
def show_training_form(visit: VisitDep) -> Response:
    """Show the form of a training."""
    return _form(visit, FormState(), 200, is_training=True)


@checkpoints.post("/ui/generators", name="ui_create_generator")
async def create(request: Request, visit: VisitDep) -> Response:
    """Import a checkpoint or train a generator, as the API does."""
    async with received(request, visit.services, visit.tenant, _FIELDS) as (form, _):
        check_form(visit, form.texts)

        def create_generator() -> str:
            return f"/ui/generators/{_create(visit, form).value.ref.id}"

        return await run_in_threadpool(answer, create_generator, _again(visit, form), form.texts)


@checkpoints.post("/ui/generators/check", name="ui_check_generator")
async def check(request: Request, visit: VisitDep) -> Response:
    """Check the form with its file, and show what the import or the training will probably cost."""
    async with received(request, visit.services, visit.tenant, _FIELDS) as (form, _):
        check_form(visit, form.texts)
        validate = partial(_create, visit, form, validate_only=True)
        return await run_in_threadpool(check_job, visit, validate, _again(visit, form), form.texts)


def _create(visit: Visit, form: Form, *, validate_only: bool = False) -> Created[JobState]:
    fields = validated(GeneratorForm, body_of(form.texts))
    file = next(iter(form.files.get("file", ())), None)
    if file is None:
        what = "an archive of images" if _is_training(form) else "a checkpoint"
        raise InvalidRequest.at("/file", f"Expected {what}, got no file. Choose one.")
    with file.path.open("rb") as content:
        checkpoint = CheckpointFile(form=fields, name=file.name, content=content)
        key = form.texts.get(ONCE)
        return service.create(
            visit.services, visit.tenant, checkpoint, key, validate_only=validate_only
        )


def _again(visit: Visit, form: Form) -> Callable[[FormState, int], Response]:
    """Return what shows the form that was sent."""
    return partial(_form, visit, is_training=_is_training(form))


def _is_training(form: Form) -> bool:
    return any(name in form.texts for name in _TRAINING)


@router.post("/ui/generators/{job_id}/stop", name="ui_stop_training")
def stop(job_id: str, visit: VisitDep, _: FieldsDep) -> Response:
    """End a training with its best snapshot."""
    training.stop(visit.services, ref_of(visit, GENERATOR, job_id))
    return see(f"/ui/generators/{job_id}")


@router.get("/ui/generators/{job_id}/sheet", name="ui_generator_sheet")
def read_sheet(job_id: str, visit: VisitDep) -> Response:
    """Return the picture of 64 samples."""
    manifest = jobs.find(visit.services, ref_of(visit, GENERATOR, job_id)).record.manifest
    generator = manifest.generator if isinstance(manifest, GeneratorManifest) else None
    if generator is None or generator.sheet is None:
        raise HTTPException(404)
    return _png(visit, generator.sheet.key)


@router.get("/ui/generators/{job_id}/snapshots/{number}", name="ui_snapshot")
def read_snapshot(job_id: str, number: int, visit: VisitDep) -> Response:
    """Return the samples of a snapshot of a training."""
    state = jobs.find(visit.services, ref_of(visit, GENERATOR, job_id))
    manifest: Any = state.record.manifest
    report = manifest.training if isinstance(manifest, GeneratorManifest) else None
    report = report or records.read_intact(
        visit.services.store, keys.training_report(state.ref), TrainingReport
    )
    if report is None or not 0 <= number < len(report.snapshots):
        raise HTTPException(404)
    return _png(visit, report.snapshots[number].sheet.key)


def _png(visit: Visit, key: str) -> Response:
    return Response(visit.services.store.get(key), media_type="image/png")


PAGES.add_to(router)
