"""Uploads on the workers' side: fetched and checked, deleted with the end of their job, swept when nobody used them."""

import hashlib
from pathlib import Path

import structlog

from contracts.base import Artefact, now
from contracts.errors.jobs import InputMissing, UploadDamaged
from contracts.jobs import JobRef
from contracts.uploads import UploadClaim, UploadManifest
from state import keys, records
from state.uploads import delete_upload
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine

log = structlog.get_logger()


def fetch(run: Run, upload: Artefact, path: Path) -> None:
    """Writes an upload's bytes to a file. Raises `InputMissing` or `UploadDamaged`."""
    store = run.machine.store
    info = store.head(upload.key)
    if info is None:
        raise InputMissing("The uploaded file is gone. Upload it again.")
    if info.num_bytes != upload.num_bytes:
        raise UploadDamaged(_differs(f"{info.num_bytes} bytes", f"{upload.num_bytes} bytes"))
    digest, num_bytes = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in store.stream(upload.key):
            file.write(chunk)
            digest.update(chunk)
            num_bytes += len(chunk)
            run.step("fetching", num_bytes, info.num_bytes)
    if digest.hexdigest() != upload.sha256:
        raise UploadDamaged(_differs(f"SHA-256 {digest.hexdigest()}", f"SHA-256 {upload.sha256}"))


def discard_used(machine: Machine, tenant: str) -> None:
    """Deletes every upload whose job has ended or that was announced too long ago and never used."""
    for upload_id in machine.store.children(keys.noun_prefix(tenant, "uploads")):
        if is_spent(machine, tenant, upload_id):
            delete_upload(machine.store, tenant, upload_id)
            log.info("an upload is deleted", upload=upload_id)


def is_spent(machine: Machine, tenant: str, upload_id: str) -> bool:
    """True when nobody needs the upload any more."""
    key = keys.manifest(tenant, "uploads", upload_id)
    announced = records.read(machine.store, key, UploadManifest)
    if announced is None:  # what a delete left that was interrupted
        return True
    claim = records.read(machine.store, keys.upload_claim(tenant, upload_id), UploadClaim)
    is_old = now() - announced.created_at > machine.settings.upload_ttl
    if claim is None:
        return is_old
    job = JobRef(tenant=tenant, id=claim.job)
    if records.has_ended(machine.store, job) or records.is_deleted(machine.store, job):
        return True
    return is_old and machine.store.head(keys.job_request(job)) is None


def _differs(came: str, announced: str) -> str:
    return (
        f"The uploaded file has {came}, but {announced} was announced. Send it again, or announce it anew"
        " (sha256sum FILE)."
    )
