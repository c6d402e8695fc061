"""`/v1/fits`: make a label generator out of a generator and a labelset, watch it, cancel it, delete it."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from app.fits import service
from app.fits.schemas import FitCreate, FitView, show_fit
from app.http.json_bodies import JsonRoute
from app.http.requests import ExchangeDep, IdempotencyKey, WaitSeconds
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts
from contracts.kinds import FIT

router = APIRouter(route_class=JsonRoute, prefix="/v1/fits", tags=["fits"])


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create_fit(
    body: FitCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> FitView:
    """Check everything, store the request and queue it. With `Prefer: wait=N`, wait for the end."""
    fit = await run_in_threadpool(
        service.create, exchange.services, exchange.tenant, body, idempotency_key
    )
    return await answer_create(exchange, fit, wait_seconds, show_fit)


JobRoutes(
    FIT,
    FitView,
    show_fit,
    JobTexts(
        job="fit",
        list="List the fits, newest first.",
        get="Return one fit. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a fit that has ended, with its label generator.",
    ),
).add_to(router)
