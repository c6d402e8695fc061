"""`/v1/fits`: fit a label generator to a generator and a labelset, follow the job, cancel it, delete it."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from app.fits import service
from app.fits.schemas import FitCreate, FitView, show_fit
from app.http.json_bodies import JsonRoute
from app.http.requests import ExchangeDep, IdempotencyKey, WaitSeconds
from app.http.validation import ValidateOnly
from app.jobs.endpoints import answer_create, answer_validation
from app.jobs.routing import JobRoutes, JobTexts
from contracts.kinds import FIT

router = APIRouter(route_class=JsonRoute, prefix="/v1/fits", tags=["fits"])


@router.post("", status_code=HTTPStatus.ACCEPTED, response_model=FitView)
async def create_fit(
    *,
    body: FitCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> FitView | Response:
    """Fit a label generator to a labelset. With `Prefer: wait=N`, wait up to N seconds for the end of the job."""
    fit = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        body,
        idempotency_key,
        validate_only=validate_only,
    )
    if validate_only:
        return await answer_validation(exchange, fit, show_fit)
    return await answer_create(exchange, fit, wait_seconds, show_fit)


JobRoutes(
    FIT,
    FitView,
    show_fit,
    JobTexts(
        job="fit",
        list="List the fits, newest first.",
        get="Return a fit. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a fit that has ended, with its label generator.",
    ),
).add_to(router)
