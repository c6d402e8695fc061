"""Checks a new labeling, pins its fit and its images, and queues it. Knows no HTTP."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app import recipes
from app.fits import service as fits
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
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


def create(services: Services, tenant: str, body: Body, key: str | None) -> Created[JobState]:
    """Queue a labeling, or return the one of the Idempotency-Key.

    Raises `InvalidRequest`, `InvalidUpload`, `FitNotReady`, `UploadIncomplete` or `UploadUsed`.
    """
    if not isinstance(body, ImagesFile):
        idempotency = idempotency_of(key, "labelings", body.for_fingerprint())
        return _submit(services, tenant, body, idempotency, upload=lambda: body.upload)
    measured = _measure(body.path)
    fingerprint = [body.form.for_fingerprint(), measured.sha256]

    def keep() -> str:
        with body.path.open("rb") as file:
            return uploads.keep(services, tenant, file, measured)

    idempotency = idempotency_of(key, "labelings", fingerprint)
    return _submit(services, tenant, body.form, idempotency, upload=keep)


def read_manifest(services: Services, ref: JobRef) -> LabelingManifest:
    """Return the manifest of a labeling that has succeeded. Raises `NotRendered` for any other."""
    state = jobs.find(services, ref)
    manifest = state.record.manifest
    if state.status is not JobStatus.SUCCEEDED or not isinstance(manifest, LabelingManifest):
        raise NotRendered(ref.id, state.status)
    return manifest


def _submit(
    services: Services,
    tenant: str,
    form: LabelingForm,
    idempotency: Idempotency | None,
    *,
    upload: Callable[[], str],
) -> Created[JobState]:
    """Pin the fit, then claim the upload whose id `upload` returns, and queue the job."""

    def resolve(ref: JobRef) -> LabelingRequest:
        fit, pinned = fits.find_ready(services, JobRef(tenant=tenant, id=form.fit))
        recipes.check_condition(services, tenant, fit.generator, form.condition)
        recipes.check_mask_options(fit.labels, form.soft_labels, form.ignore_above)
        default_size = min(services.settings.shard_size, MAX_DEFAULT_SHARD_SIZE)
        return LabelingRequest(
            tenant=tenant,
            id=ref.id,
            created_at=now(),
            idempotency=idempotency,
            name=form.name,
            fit=pinned,
            labels=fit.labels,
            original=uploads.claim_for(services, ref, upload()),
            aspect=form.aspect,
            image_format=form.image_format,
            shard_size=form.shard_size or default_size,
            condition=form.condition,
            soft_labels=form.soft_labels,
            ignore_above=form.ignore_above,
        )

    return jobs.create(
        services,
        tenant,
        "labeling",
        idempotency=idempotency,
        resolve=resolve,
        lock_ttl=_STORE_TIMEOUT,
        expires_after_seconds=form.expires_after_seconds,
    )


def _measure(path: Path) -> Measured:
    """Return size and digest of an archive. Raises `InvalidUpload` for an empty one."""
    num_bytes = path.stat().st_size
    if num_bytes == 0:
        raise InvalidUpload("Expected a zip or tar of images, got an empty file. Send it again.")
    return Measured(num_bytes, sha256_of_file(path))
