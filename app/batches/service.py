"""Checks a new batch, resolves its defaults, and queues its shards. Knows no HTTP."""

from functools import partial

from app import recipes
from app.batches.schemas import MAX_LISTED, BatchCreate, ShardQuery, ShardRecords
from app.deliveries import service as deliveries
from app.fits import service as fits
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.creating import create_job
from app.jobs.service import JobState, wait_of
from app.services import Services
from contracts.accounts.delivery import Destination
from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest
from contracts.errors.conflicts import NotRendered, NotResumable
from contracts.errors.tree import Flaw, InvalidRequest
from contracts.fits.fit import FitManifest
from contracts.jobs import Idempotency, JobRef, JobStatus
from contracts.recipes.recipe import OLDEST_RENDER_VERSION
from state import records
from state.batches.pages import place_after, shards_of
from state.delivering import orders
from state.planning import batch_cost, queue_batch
from state.settings import Settings
from state.waiting.attention import Attention


def create(
    services: Services,
    tenant: str,
    body: BatchCreate,
    key: str | None,
    *,
    validate_only: bool = False,
) -> Created[JobState]:
    """Create a batch and queue its shards, or return the one of the Idempotency-Key.

    With a fit that is queued or running, the batch waits for it; the reconciler starts or ends it.

    Raises `InvalidRequest`, `FitNotReady` or `QueueFull`.
    """
    admission = services.queueing.admission
    idempotency = idempotency_of(key, "batches", body.for_fingerprint())
    return create_job(
        services,
        tenant,
        "batch",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, body, idempotency),
        claim=partial(_order, services, body.deliver_to),
        expires_after_seconds=body.expires_after_seconds,
        validate_only=validate_only,
        queue=partial(_queue, services),
        cost=partial(batch_cost, admission.costs),
    )


def resume(
    services: Services, ref: JobRef, key: str | None, *, validate_only: bool = False
) -> Created[JobState]:
    """Create a batch with the request of one that failed or was cancelled: it adopts the finished shards.

    Raises `NotFound`, `Gone`, `NotResumable`, `FitNotReady` or `QueueFull`.
    """
    admission = services.queueing.admission
    idempotency = idempotency_of(key, "batches", {"resume": ref.id})
    return create_job(
        services,
        ref.tenant,
        "batch",
        idempotency=idempotency,
        resolve=lambda new: _resume(services, new, ref, idempotency),
        queue=partial(_queue, services),
        cost=partial(batch_cost, admission.costs),
        validate_only=validate_only,
    )


def read_manifest(services: Services, ref: JobRef) -> BatchManifest:
    """Return the manifest of a batch that has succeeded. Raises `NotRendered` for any other."""
    manifest = read_finished(services, ref)
    if manifest.status is not JobStatus.SUCCEEDED:
        raise NotRendered(ref.id, manifest.status)
    return manifest


def read_finished(services: Services, ref: JobRef) -> BatchManifest:
    """Return the manifest of a batch that has shards. It may have failed or been cancelled before all were finished.

    Raises `NotRendered` for a batch that has not ended, or has no shard.
    """
    state = jobs.find(services, ref)
    manifest = state.record.manifest
    if not isinstance(manifest, BatchManifest) or not manifest.num_shards:
        raise NotRendered(ref.id, state.status)
    return manifest


def read_shards(services: Services, manifest: BatchManifest, query: ShardQuery) -> ShardRecords:
    """Return the shards that a query selects. Raises `InvalidRequest` without a limit for too many."""
    start = 0 if query.after is None else place_after(services.store, manifest, query.after)
    stop = manifest.num_shards if query.limit is None else start + query.limit
    if stop - start > MAX_LISTED:
        detail = (
            f"Expected a limit of at most {MAX_LISTED} for a batch of {manifest.num_shards} shards, got none; set"
            " 'limit', and 'after' to the last index of the previous page."
        )
        raise InvalidRequest(detail, flaws=[Flaw(pointer="limit", detail=detail)])
    items = tuple(shards_of(services.store, manifest, start, stop))
    return ShardRecords(items, has_more=bool(items) and stop < manifest.num_shards)


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
        deliver_to=orders.target_of(body.deliver_to) if body.deliver_to else None,
        **recipes.pin(services, ref.tenant, body, may_wait=True),
    )
    _check_size(request, services.settings)
    if body.deliver_to is not None:
        deliveries.check(body.deliver_to, request.num_shards)
    return request


def _order(services: Services, destination: Destination | None, ref: JobRef) -> None:
    """Store where the batch will be delivered to: apart from its request, which anyone with the tenant's keys reads."""
    if destination is not None:
        orders.order(services.store, ref, destination)


def _queue(services: Services, request: BatchRequest) -> None:
    """Queue the shards of a batch, or let the end of its fit wake a reconciler for it."""
    fit, attention = request.waits_for, Attention(services.ledger)
    if request.deliver_to is not None:
        attention.follow(request.ref, request.ref)  # its end wakes the process that delivers
    if fit is None:
        admission = services.queueing.admission
        queue_batch(services.store, services.ledger, admission, request)
        return
    services.ledger.publish_progress(request.ref, wait_of(fit))
    attention.follow(fit, request.ref)
    if records.has_ended(services.store, fit):  # it may have ended before this line
        attention.request(request.ref)


def _resume(
    services: Services, new: JobRef, ref: JobRef, idempotency: Idempotency | None
) -> BatchRequest:
    """Return the request of the batch that continues `ref`. Raises `NotFound`, `Gone` or `NotResumable`."""
    state = jobs.find(services, ref)
    request = state.record.request
    assert isinstance(request, BatchRequest)
    if state.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        advice = "it has all samples" if state.status is JobStatus.SUCCEEDED else "wait for its end"
        raise NotResumable(ref.id, f"which is {state.status}: {advice}")
    if request.render_version < OLDEST_RENDER_VERSION:
        raise NotResumable(ref.id, "which an earlier version rendered: create a new batch")
    fit = JobRef(tenant=ref.tenant, id=request.fit.id)
    pinned = request.fit
    if pinned.digest is None:  # it ended while it waited
        pinned = fits.find_promising(services, fit).pinned
    else:
        manifest = records.read_manifest(services.store, fit, FitManifest)
        if manifest is None or manifest.digest != pinned.digest:
            raise NotResumable(ref.id, f"whose fit '{fit.id}' was deleted: create a new batch")
    return request.model_copy(
        update={
            "id": new.id,
            "fit": pinned,
            "deliver_to": None,  # the addresses belong to the earlier batch
            "created_at": now(),
            "idempotency": idempotency,
            "resumes": (request.id, *request.resumes),
        }
    )


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
