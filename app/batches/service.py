"""Decides whether a batch can be made of what was sent, resolves every choice, and submits it. Knows no HTTP."""

from app import recipes
from app.batches.schemas import BatchCreate
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest
from contracts.errors.conflicts import NotRendered
from contracts.errors.tree import InvalidRequest
from contracts.jobs import Idempotency, JobRef, JobStatus
from state.planning import next_calls
from state.settings import Settings


def create(
    services: Services, tenant: str, body: BatchCreate, key: str | None
) -> Created[JobState]:
    """Makes a batch and queues its first shards, or finds the one that this Idempotency-Key has made."""
    idempotency = idempotency_of(key, "batches", body.model_dump(mode="json"))
    return jobs.create(
        services,
        tenant,
        "batch",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, body, idempotency),
        calls=lambda made: next_calls(services.store, services.ledger, made, services.settings),
    )


def read_manifest(services: Services, ref: JobRef) -> BatchManifest:
    """The manifest of a batch that has succeeded. Raises `NotRendered` for any other."""
    state = jobs.find(services, ref)
    manifest = state.record.manifest
    if state.status is not JobStatus.SUCCEEDED or not isinstance(manifest, BatchManifest):
        raise NotRendered(ref.id, state.status)
    return manifest


def _resolve(
    services: Services, ref: JobRef, body: BatchCreate, idempotency: Idempotency | None
) -> BatchRequest:
    """The request as it will be rendered. Raises `InvalidRequest` or `FitNotReady`."""
    request = BatchRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        n=body.n,
        **recipes.pin(services, ref.tenant, body),
    )
    _check_size(request, services.settings)
    return request


def _check_size(request: BatchRequest, settings: Settings) -> None:
    """Every finished shard has all others listed, so their number is bounded as the samples' is."""
    n, num_shards = request.n, request.num_shards
    if n > settings.max_batch_samples:
        detail = f"{n} samples were asked for; a batch holds at most {settings.max_batch_samples}. Make several."
        raise InvalidRequest.at("/n", detail)
    if num_shards > settings.max_batch_shards:
        detail = (
            f"{n} samples in shards of {request.shard_size} are {num_shards} shards; a batch has at most"
            f" {settings.max_batch_shards}. Ask for larger shards or fewer samples."
        )
        raise InvalidRequest.at("/shard_size", detail)
