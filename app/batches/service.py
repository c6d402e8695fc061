"""Checks a new batch, resolves its defaults, and queues its first shards. Knows no HTTP."""

from app import recipes
from app.batches.schemas import MAX_LISTED, BatchCreate, ShardQuery
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest, ShardRecord
from contracts.errors.conflicts import NotRendered
from contracts.errors.tree import Flaw, InvalidRequest
from contracts.jobs import Idempotency, JobRef, JobStatus
from state.batches.pages import shards_of
from state.planning import next_calls
from state.settings import Settings


def create(
    services: Services, tenant: str, body: BatchCreate, key: str | None
) -> Created[JobState]:
    """Create a batch and queue its first shards, or return the one of the Idempotency-Key.

    Raises `InvalidRequest` or `FitNotReady`.
    """
    idempotency = idempotency_of(key, "batches", body.for_fingerprint())
    return jobs.create(
        services,
        tenant,
        "batch",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, body, idempotency),
        calls=lambda request: next_calls(
            services.store, services.ledger, request, services.settings
        ),
    )


def read_manifest(services: Services, ref: JobRef) -> BatchManifest:
    """Return the manifest of a batch that has succeeded. Raises `NotRendered` for any other."""
    state = jobs.find(services, ref)
    manifest = state.record.manifest
    if state.status is not JobStatus.SUCCEEDED or not isinstance(manifest, BatchManifest):
        raise NotRendered(ref.id, state.status)
    return manifest


def read_shards(
    services: Services, manifest: BatchManifest, query: ShardQuery
) -> tuple[ShardRecord, ...]:
    """Return the shards that a query selects. Raises `InvalidRequest` without a limit for too many."""
    start = 0 if query.after is None else query.after + 1
    stop = manifest.num_shards if query.limit is None else start + query.limit
    if stop - start > MAX_LISTED:
        detail = (
            f"Expected a limit of at most {MAX_LISTED} for a batch of {manifest.num_shards} shards, got none; set"
            " 'limit', and 'after' to the last index of the previous page."
        )
        raise InvalidRequest(detail, flaws=[Flaw(pointer="limit", detail=detail)])
    return tuple(shards_of(services.store, manifest, start, stop))


def _resolve(
    services: Services, ref: JobRef, body: BatchCreate, idempotency: Idempotency | None
) -> BatchRequest:
    """Return the request with all defaults resolved. Raises `InvalidRequest` or `FitNotReady`."""
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
    """Raise `InvalidRequest` for too many samples or shards: the worker of the last shard reads all records."""
    n, num_shards = request.n, request.num_shards
    if n > settings.max_batch_samples:
        detail = f"Expected at most {settings.max_batch_samples} samples, got {n}; create several batches."
        raise InvalidRequest.at("/n", detail)
    if num_shards > settings.max_batch_shards:
        detail = (
            f"Expected at most {settings.max_batch_shards} shards, got {num_shards} ({n} samples in shards of"
            f" {request.shard_size}); choose larger shards or fewer samples."
        )
        raise InvalidRequest.at("/shard_size", detail)
