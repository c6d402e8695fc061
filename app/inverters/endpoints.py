"""`/v1/generators/{id}/inverters` and `/v1/inverters`: train inverters, follow the trainings, delete them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from app.generators import service as generators
from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import ExchangeDep, IdempotencyKey, WaitSeconds
from app.http.validation import ValidateOnly
from app.inverters import service
from app.inverters.schemas import InverterCreate, InverterView, show_inverter
from app.jobs.endpoints import JobQuery, answer_create, answer_list
from app.jobs.routing import JobRoutes, JobTexts
from contracts.generators.inverters import InverterRequest
from contracts.ids import GeneratorId
from contracts.kinds import INVERTER

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["inverters"])


@router.post(
    "/generators/{generator_id}/inverters",
    status_code=HTTPStatus.ACCEPTED,
    response_model=InverterView,
)
async def create_inverter(
    *,
    generator_id: GeneratorId,
    body: InverterCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> InverterView | Response:
    """Train an inverter for a generator. With `Prefer: wait=N`, wait up to N seconds for its end."""
    inverter = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        generator_id,
        body,
        key=idempotency_key,
        validate_only=validate_only,
    )
    return await answer_create(exchange, inverter, wait_seconds, show_inverter)


@router.get("/generators/{generator_id}/inverters")
def list_inverters_of(
    generator_id: GeneratorId, exchange: ExchangeDep, query: Annotated[JobQuery, Query()]
) -> Page[InverterView]:
    """List the inverter trainings of a generator, newest first. The generator lists its finished inverters."""
    generator = generators.find(exchange.services, exchange.tenant, generator_id)
    return answer_list(
        exchange,
        INVERTER.name,
        query,
        show_inverter,
        only=lambda request: (
            isinstance(request, InverterRequest) and request.generator.id == generator.id
        ),
    )


JobRoutes(
    INVERTER,
    InverterView,
    show_inverter,
    JobTexts(
        job="training",
        list="List the inverter trainings of all generators, newest first.",
        get="Return an inverter training. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a training that has ended, and its inverter. Finished fits keep working; running ones fail.",
    ),
    delete=service.delete,
    prefix="/inverters",
).add_to(router)
