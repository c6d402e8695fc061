"""`/v1/batches`: render n labelled samples, follow the job, and read its shards."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool

from app.batches import service
from app.batches.schemas import (
    BatchCreate,
    BatchView,
    ShardList,
    ShardQuery,
    show_batch,
    show_shards,
)
from app.http.json_bodies import JsonRoute
from app.http.requests import ExchangeDep, IdempotencyKey, LinksDep, ServicesDep, WaitSeconds
from app.http.validation import ValidateOnly
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts, ref_of
from contracts.batches import BatchManifest
from contracts.jobs import JobRef
from contracts.kinds import BATCH

router = APIRouter(route_class=JsonRoute, prefix="/v1/batches", tags=["batches"])

RefDep = Annotated[JobRef, Depends(ref_of(BATCH))]


@router.post("", status_code=HTTPStatus.ACCEPTED, response_model=BatchView)
async def create_batch(
    *,
    body: BatchCreate,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> BatchView | Response:
    """Create a batch of n labelled samples. With `Prefer: wait=N`, wait up to N seconds for its end.

    The fit may still be queued or running: the batch starts when it succeeds, and fails when it does not.
    """
    batch = await run_in_threadpool(
        service.create,
        exchange.services,
        exchange.tenant,
        body,
        idempotency_key,
        validate_only=validate_only,
    )
    return await answer_create(exchange, batch, wait_seconds, show_batch)


@router.post("/{batch_id}/resume", status_code=HTTPStatus.ACCEPTED, response_model=BatchView)
async def resume_batch(
    *,
    ref: RefDep,
    exchange: ExchangeDep,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
    validate_only: ValidateOnly = False,
) -> BatchView | Response:
    """Create a batch that continues one that failed or was cancelled: same request, finished shards are adopted.

    The earlier batch does not change and can be deleted at any time.
    """
    batch = await run_in_threadpool(
        service.resume, exchange.services, ref, idempotency_key, validate_only=validate_only
    )
    return await answer_create(exchange, batch, wait_seconds, show_batch)


JobRoutes(
    BATCH,
    BatchView,
    show_batch,
    JobTexts(
        job="batch",
        list="List the batches, newest first.",
        get="Return a batch. With `Prefer: wait=N`, wait up to N seconds for its end.",
        delete="Delete a batch that has ended, with its shards and exports.",
    ),
).add_to(router)


@router.get("/{batch_id}/shards")
def list_shards(
    ref: RefDep, services: ServicesDep, links: LinksDep, query: Annotated[ShardQuery, Query()]
) -> ShardList:
    """List the shards and the dataset card of a batch: size, digest and a signed link that needs no API key.

    A batch that failed or was cancelled has the shards that were finished, and no card. A batch of more than 4,096
    shards needs `limit`.
    """
    manifest = service.read_finished(services, ref)
    return show_shards(ref.id, manifest, service.read_shards(services, manifest, query), links)


@router.get("/{batch_id}/manifest")
def get_batch_manifest(ref: RefDep, services: ServicesDep) -> BatchManifest:
    """Return the stored manifest: every shard with its digest and the counts of its samples and classes.

    With more than 1,000 shards it has only the digests of the pages that hold them.
    """
    return service.read_finished(services, ref)
