"""Starts a batch whose fit has succeeded, and ends one whose fit has not. The reconciler calls it.

The store decides, so a lost Redis or a killed process only delays it. Starting twice is safe: the first record stays.
"""

import structlog

from contracts.base import now
from contracts.batches import BatchRequest
from contracts.errors.jobs import FitFailed
from contracts.fits.fit import FitManifest
from contracts.jobs import JobRef, JobStart, JobStatus
from state import records
from state.waiting import paths
from workers.runtime.jobs import failed
from workers.runtime.machine import Machine

log = structlog.get_logger()


def start(machine: Machine, request: BatchRequest, fit: JobRef) -> BatchRequest | None:
    """Return the request with the digest of its fit. None while the batch waits, and when it has failed for its fit."""
    record = records.read_job(machine.store, machine.kinds, fit)
    if record is not None and record.manifest is None:
        return None
    manifest = record.manifest if record is not None else None
    if isinstance(manifest, FitManifest) and manifest.status is JobStatus.SUCCEEDED:
        assert manifest.digest is not None
        first = JobStart(digest=manifest.digest, started_at=now())
        log.info("batch starts after its fit", batch=str(request.ref), fit=fit.id)
        return request.started(records.create(machine.store, paths.start(request.ref), first))
    error = FitFailed(_reason(fit, manifest if isinstance(manifest, FitManifest) else None))
    ended = failed(machine, request.ref, error, None)
    records.finish(machine.store, machine.ledger, request.ref, ended)
    return None


def _reason(fit: JobRef, manifest: FitManifest | None) -> str:
    advice = "Create the batch again with a fit that succeeds."
    if manifest is None:
        return f"The batch waited for fit '{fit.id}', which was deleted. {advice}"
    if manifest.error is None:
        return f"The batch waited for fit '{fit.id}', which was {manifest.status}. {advice}"
    cause = manifest.error.detail
    return f"The batch waited for fit '{fit.id}', which failed ({manifest.error.code}): {cause} {advice}"
