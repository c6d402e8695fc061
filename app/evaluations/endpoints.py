"""`/v1/evaluations`: compare generated pairs with real ones, follow the job, read its report, cancel it, delete it."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from app.evaluations import service
from app.evaluations.schemas import EvaluationCreate, EvaluationView, show_evaluation
from app.http.json_bodies import JsonRoute
from app.http.requests import ExchangeDep, IdempotencyKey, WaitSeconds
from app.http.validation import ValidateOnly
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts
from contracts.kinds import EVALUATION

router = APIRouter(route_class=JsonRoute, prefix="/v1/evaluations", tags=["evaluations"])


@router.post("", status_code=HTTPStatus.ACCEPTED, response_model=EvaluationView)
async def create_evaluation(
    *,
    body: EvaluationCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> EvaluationView | Response:
    """Measure on held-out real images whether the generated pairs of a fit train better networks.

    The report has a verdict in plain words. With `Prefer: wait=N`, wait up to N seconds for the end of the job.
    """
    evaluation = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        body,
        idempotency_key,
        validate_only=validate_only,
    )
    return await answer_create(exchange, evaluation, wait_seconds, show_evaluation)


JobRoutes(
    EVALUATION,
    EvaluationView,
    show_evaluation,
    JobTexts(
        job="evaluation",
        list="List the evaluations, newest first.",
        get="Return an evaluation. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete an evaluation that has ended, with its report.",
    ),
).add_to(router)
