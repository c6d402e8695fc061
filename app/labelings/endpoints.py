"""`/v1/labelings`: label real images by a fit, follow the job, and read its shards."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool

from app.http.requests import ExchangeDep, IdempotencyKey, LinksDep, ServicesDep, WaitSeconds
from app.http.validation import ValidateOnly
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts, ref_of
from app.labelings import service
from app.labelings.schemas import (
    LabelingShards,
    LabelingView,
    show_labeling,
    show_labeling_shards,
)
from app.labelings.uploading import BODY_SCHEMA, BodyDep
from contracts.jobs import JobRef
from contracts.kinds import LABELING
from contracts.labelings import LabelingManifest

router = APIRouter(prefix="/v1/labelings", tags=["labelings"])
images = APIRouter(prefix="/v1/labelings", tags=["labelings"])
"""A separate router, because its bodies may be large."""

RefDep = Annotated[JobRef, Depends(ref_of(LABELING))]


@images.post(
    "", status_code=HTTPStatus.ACCEPTED, response_model=LabelingView, openapi_extra=BODY_SCHEMA
)
async def create_labeling(
    *,
    exchange: ExchangeDep,  # before the body, which is not read for an unknown tenant
    body: BodyDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> LabelingView | Response:
    """Label unlabelled real images by a fit: in the form, or in an upload that is complete.

    With `Prefer: wait=N`, wait up to N seconds for the end.
    """
    labeling = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        body,
        idempotency_key,
        validate_only=validate_only,
    )
    return await answer_create(exchange, labeling, wait_seconds, show_labeling)


JobRoutes(
    LABELING,
    LabelingView,
    show_labeling,
    JobTexts(
        job="labeling",
        list="List the labelings, newest first.",
        get="Return a labeling. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a labeling that has ended, with its shards and exports.",
    ),
).add_to(router)


@router.get("/{labeling_id}/shards")
def list_labeling_shards(ref: RefDep, services: ServicesDep, links: LinksDep) -> LabelingShards:
    """List the shards of a labeling: size, digest and a signed link that needs no API key."""
    return show_labeling_shards(ref.id, service.read_manifest(services, ref), links)


@router.get("/{labeling_id}/manifest")
def get_labeling_manifest(ref: RefDep, services: ServicesDep) -> LabelingManifest:
    """Return the stored manifest: every image, most uncertain first, and every file that could not be read."""
    return service.read_manifest(services, ref)
