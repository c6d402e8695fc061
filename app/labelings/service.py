"""Checks a new labeling, pins its fit and its images, and queues it. Knows no HTTP."""

from datetime import timedelta
from pathlib import Path

from app import recipes
from app.fits import service as fits
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.creating import create_job
from app.jobs.service import JobState
from app.labelings.schemas import LabelingForm
from app.labelings.uploading import Body, ImagesFile
from app.services import Services
from app.uploads import service as uploads
from app.uploads.service import Measured
from contracts.base import now
from contracts.digests import sha256_of_file
from contracts.errors.conflicts import NotRendered
from contracts.errors.tree import InvalidUpload
from contracts.jobs import Idempotency, JobRef, JobStatus
from contracts.labelings import LabelingManifest, LabelingRequest

MAX_DEFAULT_SHARD_SIZE = 64
"""Inversion is slow, and a crash costs at most one shard."""

_STORE_TIMEOUT = timedelta(minutes=15)
"""Longer than it takes to store the largest archive of a form."""


def create(
    services: Services,
    tenant: str,
    body: Body,
    key: str | None,
    *,
    validate_only: bool = False,
) -> Created[JobState]:
    """Queue a labeling, or return the one of the Idempotency-Key.

    Raises `InvalidRequest`, `InvalidUpload`, `FitNotReady`, `UploadIncomplete` or `UploadUsed`.
    """
    source: uploads.Source
    if isinstance(body, ImagesFile):
        form, measured = body.form, _measure(body.path)
        idempotency = idempotency_of(key, "labelings", [form.for_fingerprint(), measured.sha256])
        source = uploads.Sent(services, tenant, body.path, measured)
    else:
        form, idempotency = body, idempotency_of(key, "labelings", body.for_fingerprint())
        source = uploads.Announced(services, tenant, body.upload)
    return create_job(
        services,
        tenant,
        "labeling",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, form, idempotency, source),
        claim=source.claim,
        lock_ttl=_STORE_TIMEOUT,
        expires_after_seconds=form.expires_after_seconds,
        validate_only=validate_only,
    )


def read_manifest(services: Services, ref: JobRef) -> LabelingManifest:
    """Return the manifest of a labeling that has succeeded. Raises `NotRendered` for any other."""
    state = jobs.find(services, ref)
    manifest = state.record.manifest
    if state.status is not JobStatus.SUCCEEDED or not isinstance(manifest, LabelingManifest):
        raise NotRendered(ref.id, state.status)
    return manifest


def _resolve(
    services: Services,
    ref: JobRef,
    form: LabelingForm,
    idempotency: Idempotency | None,
    source: uploads.Source,
) -> LabelingRequest:
    """Return the request with the pinned fit and the images."""
    found = fits.find_ready(services, JobRef(tenant=ref.tenant, id=form.fit))
    fit = found.request
    recipes.check_condition(services, ref.tenant, fit.generator, form.condition)
    recipes.check_mask_options(fit.labels, form.soft_labels, form.ignore_above)
    default_size = min(services.settings.shard_size, MAX_DEFAULT_SHARD_SIZE)
    return LabelingRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        name=form.name,
        fit=found.pinned,
        labels=fit.labels,
        original=source.check(ref),
        aspect=form.aspect,
        image_format=form.image_format,
        shard_size=form.shard_size or default_size,
        condition=form.condition,
        soft_labels=form.soft_labels,
        ignore_above=form.ignore_above,
    )


def _measure(path: Path) -> Measured:
    """Return size and digest of an archive. Raises `InvalidUpload` for an empty one."""
    num_bytes = path.stat().st_size
    if num_bytes == 0:
        raise InvalidUpload("Expected a zip or tar of images, got an empty file. Send it again.")
    return Measured(num_bytes, sha256_of_file(path))
