"""`/v1/generators`: import a checkpoint as a generator, follow the import, list and delete generators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool

from app.generators import service, training
from app.generators.schemas import GeneratorView, show_generator
from app.generators.training_schemas import show_training
from app.generators.uploading import BODY_SCHEMA, BodyDep
from app.http.requests import Exchange, ExchangeDep, IdempotencyKey, WaitSeconds
from app.http.validation import ValidateOnly
from app.jobs.answers import with_status
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts, ref_of
from app.jobs.service import JobState
from contracts.jobs import JobRef
from contracts.kinds import GENERATOR

router = APIRouter(prefix="/v1/generators", tags=["generators"])
checkpoints = APIRouter(prefix="/v1/generators", tags=["generators"])
"""A separate router, because its bodies may be as large as a checkpoint."""


def _show(state: JobState, exchange: Exchange) -> GeneratorView:
    inverters = service.list_inverters_of(exchange.services, exchange.tenant, state)
    view = show_generator(state, inverters, exchange.links, exchange.services.families)
    shown = show_training(exchange.services, state, exchange.links)
    return view if shown is None else view.model_copy(update={"training": shown})


@checkpoints.post(
    "", status_code=HTTPStatus.ACCEPTED, response_model=GeneratorView, openapi_extra=BODY_SCHEMA
)
async def create_generator(
    *,
    exchange: ExchangeDep,  # before the body, which is not read for an unknown tenant
    body: BodyDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> GeneratorView | Response:
    """Import a checkpoint, or train a generator from an archive of unlabelled images.

    The file is in the form, or in an upload that is complete. With `training` it is an archive of images.
    """
    generator = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        body,
        idempotency_key,
        validate_only=validate_only,
    )
    return await answer_create(exchange, generator, wait_seconds, _show)


@router.post("/{generator_id}/stop", status_code=HTTPStatus.ACCEPTED)
def stop_training(
    ref: Annotated[JobRef, Depends(ref_of(GENERATOR))], exchange: ExchangeDep
) -> GeneratorView:
    """End a training early: its best snapshot becomes the generator, and the inverter is trained.

    The answer is 202 until then, 200 if it had ended already.
    """
    state = training.stop(exchange.services, ref)
    return with_status(exchange.response, _show(state, exchange))


JobRoutes(
    GENERATOR,
    GeneratorView,
    _show,
    JobTexts(
        job="import or training",
        list="List the generators in descending order of ids: uploaded ones newest first, built-in ones by name.",
        get="Return a generator: its import or training, its network, and its inverters.",
        delete="Delete a generator and its inverters. Its fits stay, but cannot render any more.",
    ),
    delete=service.delete,
).add_to(router)
