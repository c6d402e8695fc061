"""`/v1/generators/{id}/inverters` and `/v1/inverters`: train an inverter for a generator, watch it, delete it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool

from app.generators import service as generators
from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import ExchangeDep, IdempotencyKey, WaitSeconds
from app.inverters import service
from app.inverters.schemas import InverterCreate, InverterView, show_inverter
from app.jobs.endpoints import JobQuery, answer_create, answer_list
from app.jobs.routing import JobRoutes, JobTexts
from contracts.generators.inverters import InverterRequest
from contracts.ids import GeneratorId
from contracts.kinds import INVERTER

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["inverters"])


@router.post("/generators/{generator_id}/inverters", status_code=HTTPStatus.ACCEPTED)
async def create_inverter(
    *,
    generator_id: GeneratorId,
    body: InverterCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> InverterView:
    """Train an encoder on the generator's own samples. With `Prefer: wait=N`, wait for the end."""
    inverter = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        generator_id,
        body,
        key=idempotency_key,
    )
    return await answer_create(exchange, inverter, wait_seconds, show_inverter)


@router.get("/generators/{generator_id}/inverters")
def list_inverters_of(
    generator_id: GeneratorId, exchange: ExchangeDep, query: Annotated[JobQuery, Query()]
) -> Page[InverterView]:
    """List the trainings of one generator's inverters, newest first. The generator itself lists the usable ones."""
    generator = generators.find(exchange.services, exchange.tenant, generator_id)
    return answer_list(
        exchange,
        INVERTER.name,
        query,
        show_inverter,
        only=lambda one: isinstance(one, InverterRequest) and one.generator.id == generator.id,
    )


JobRoutes(
    INVERTER,
    InverterView,
    show_inverter,
    JobTexts(
        job="training",
        list="List the trainings of all generators' inverters, newest first.",
        get="Return one training. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a training that has ended, and its inverter. Finished fits that use it stay; running ones fail.",
    ),
    delete=service.delete,
    prefix="/inverters",
).add_to(router)
