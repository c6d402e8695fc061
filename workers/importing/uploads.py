"""Uploads on the workers' side: fetch and check them, delete them after their job, and sweep unused ones."""

import hashlib
from datetime import timedelta
from pathlib import Path

import structlog
from pydantic import ValidationError

from contracts.base import Artefact, now
from contracts.errors.jobs import InputMissing, UploadDamaged
from contracts.errors.tree import RecordDamaged
from contracts.jobs import JobRef
from contracts.uploads import UploadClaim, UploadManifest
from state import keys, records
from state.store import Store
from state.uploads import delete_upload
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine

log = structlog.get_logger()


def fetch(run: Run, upload: Artefact, path: Path) -> None:
    """Write an upload's bytes to a file.

    Raises:
        InputMissing: the upload is gone.
        UploadDamaged: its size or its digest differs from the announced one.
    """
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
    """Delete every upload whose job has ended, and every unused upload that is older than `upload_ttl`."""
    for upload_id in machine.store.children(keys.noun_prefix(tenant, "uploads")):
        try:
            is_unneeded = _is_unneeded(
                machine.store, tenant, upload_id, machine.settings.upload_ttl
            )
        except (RecordDamaged, ValidationError):
            log.exception("damaged upload skipped", upload=upload_id)
            continue
        if is_unneeded:
            delete_upload(machine.store, tenant, upload_id)
            log.info("upload deleted", upload=upload_id)


def _is_unneeded(store: Store, tenant: str, upload_id: str, ttl: timedelta) -> bool:
    """Return whether no job will read the upload any more."""
    key = keys.manifest(tenant, "uploads", upload_id)
    announced = records.read(store, key, UploadManifest)
    if announced is None:  # an interrupted deletion left its other objects
        return True
    claim = records.read(store, keys.upload_claim(tenant, upload_id), UploadClaim)
    is_old = now() - announced.created_at > ttl
    if claim is None:
        return is_old
    job = JobRef(tenant=tenant, id=claim.job)
    if records.has_ended(store, job) or records.is_deleted(store, job):
        return True
    return is_old and store.head(keys.job_request(job)) is None


def _differs(actual: str, announced: str) -> str:
    return (
        f"Expected an uploaded file with {announced} as announced, got {actual}."
        " Send it again, or create a new upload with the values of the file (sha256sum FILE)."
    )
