"""`/v1/generators`: import a checkpoint as a generator, follow the import, list and delete generators."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from app.generators import service
from app.generators.schemas import GeneratorView, show_generator
from app.generators.uploading import BODY_SCHEMA, BodyDep
from app.http.requests import Exchange, ExchangeDep, IdempotencyKey, WaitSeconds
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts
from app.jobs.service import JobState
from contracts.kinds import GENERATOR

router = APIRouter(prefix="/v1/generators", tags=["generators"])
checkpoints = APIRouter(prefix="/v1/generators", tags=["generators"])
"""A separate router, because its bodies may be as large as a checkpoint."""


def _show(state: JobState, exchange: Exchange) -> GeneratorView:
    inverters = service.list_inverters_of(exchange.services, state)
    return show_generator(state, inverters, exchange.links, exchange.services.families)


@checkpoints.post("", status_code=HTTPStatus.ACCEPTED, openapi_extra=BODY_SCHEMA)
async def create_generator(
    exchange: ExchangeDep,  # before the body, which is not read for an unknown tenant
    body: BodyDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> GeneratorView:
    """Import a StyleGAN2, a diffusers pipeline or a guided-diffusion network, in the form or in a complete upload."""
    generator = await run_in_threadpool(
        service.create, exchange.services, exchange.tenant, body, idempotency_key
    )
    return await answer_create(exchange, generator, wait_seconds, _show)


JobRoutes(
    GENERATOR,
    GeneratorView,
    _show,
    JobTexts(
        job="import",
        list="List the generators in descending order of ids: uploaded ones newest first, built-in ones by name.",
        get="Return a generator: its import, its network, and its inverters.",
        delete="Delete a generator and its inverters. Its fits stay, but cannot render any more.",
    ),
    delete=service.delete,
).add_to(router)
