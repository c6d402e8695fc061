"""`/v1/fits`: fit a label generator to a generator and a labelset, follow the job, cancel it, delete it."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from app.fits import service
from app.fits.schemas import FitView, show_fit
from app.fits.service import FitOfFiles
from app.fits.uploading import BODY_SCHEMA, BodyDep
from app.http.requests import ExchangeDep, IdempotencyKey, WaitSeconds
from app.http.validation import ValidateOnly
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts
from app.labelsets.schemas import show_check
from contracts.kinds import FIT

router = APIRouter(prefix="/v1/fits", tags=["fits"])
creates = APIRouter(prefix="/v1/fits", tags=["fits"])
"""A separate router, because its bodies may be large."""


@creates.post(
    "", status_code=HTTPStatus.ACCEPTED, response_model=FitView, openapi_extra=BODY_SCHEMA
)
async def create_fit(
    *,
    exchange: ExchangeDep,  # before the body, which is not read for an unknown tenant
    body: BodyDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> FitView | Response:
    """Fit a label generator to a labelset, or to files, which are stored as a labelset first.

    A refused request stores neither. With `Prefer: wait=N`, wait up to N seconds for the end of the job.
    """
    fit = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        body,
        idempotency_key,
        validate_only=validate_only,
    )
    labelset = body.source.labelset if isinstance(body, FitOfFiles) else None
    checked = {"labelset": show_check(labelset)} if labelset else {}
    return await answer_create(exchange, fit, wait_seconds, show_fit, checked=checked)


JobRoutes(
    FIT,
    FitView,
    show_fit,
    JobTexts(
        job="fit",
        list="List the fits, newest first.",
        get="Return a fit. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a fit that has ended, with its label generator. Its labelset remains.",
    ),
).add_to(router)
