"""Announces uploads, receives their bytes if the store cannot, and assigns each to the one job that uses it.

Knows no HTTP. Bytes that the store received directly are only counted here; the worker that reads them checks their
digest.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from fastapi.concurrency import run_in_threadpool

from app.access.quotas import Work
from app.http.idempotency import Created, Draft, create_once, idempotency_of
from app.room import check_room
from app.services import Services
from contracts.accounts.usage import Usage
from contracts.base import Artefact, now
from contracts.errors.conflicts import UploadIncomplete, UploadUsed
from contracts.errors.tree import (
    InvalidRequest,
    InvalidUpload,
    NotFound,
    RecordDamaged,
    TooLarge,
)
from contracts.ids import new_id
from contracts.jobs import JobRef
from contracts.uploads import UploadClaim, UploadManifest
from state import keys, records
from state.process.spooling import spool_folder
from state.settings import MiB
from state.uploads import delete_upload, uploaded_bytes
from state.usage.notes import note


@dataclass(frozen=True)
class Measured:
    """The size and the digest of received bytes."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Upload:
    """The current state of an upload: its announcement, the received bytes, and the job that uses it."""

    manifest: UploadManifest
    received_bytes: int
    used_by: str | None
    expires_at: datetime


def announce(
    services: Services,
    tenant: str,
    num_bytes: int,
    sha256: str,
    *,
    key: str | None,
    validate_only: bool = False,
) -> Created[Upload]:
    """Create an upload, or return the one that this Idempotency-Key created. Raises `TooLarge` or `QuotaExceeded`."""
    limit = services.settings.max_checkpoint_bytes
    if num_bytes > limit:
        raise TooLarge(
            f"Expected an upload of at most {limit} bytes, got {num_bytes}. Send a smaller file."
        )
    idempotency = idempotency_of(key, "uploads", [num_bytes, sha256])

    def make(upload_id: str) -> Draft[UploadManifest]:
        check_room(services.store, services.settings, num_bytes)
        work = Work(upload_bytes=num_bytes, stored_bytes=num_bytes)
        services.tenants.admit_work(tenant, work, services.store)
        manifest = UploadManifest(
            tenant=tenant,
            id=upload_id,
            created_at=now(),
            num_bytes=num_bytes,
            sha256=sha256,
            idempotency=idempotency,
        )

        def store() -> None:
            note(services.store, tenant, Usage(uploaded_bytes=num_bytes))
            records.write(services.store, keys.manifest(tenant, "uploads", upload_id), manifest)

        return Draft(manifest, store)

    created = create_once(
        services,
        tenant,
        "upload",
        idempotency,
        find=lambda upload_id: _read(services, tenant, upload_id),
        make=make,
        validate_only=validate_only,
    )
    state = _state(services, created.value)
    return Created(state, is_replay=created.is_replay, is_stored=created.is_stored)


def find(services: Services, tenant: str, upload_id: str) -> Upload:
    """Return the current state of an upload. Raises `NotFound`, also for one deleted after its use."""
    manifest = _read(services, tenant, upload_id)
    if manifest is None:
        raise NotFound("upload", upload_id)
    return _state(services, manifest)


async def receive(services: Services, upload: Upload, chunks: AsyncIterator[bytes]) -> None:
    """Store all bytes of an upload, or none.

    Raises `InvalidUpload` if they differ from the announcement, `UploadUsed` if a job already uses the upload.
    """
    if upload.used_by is not None:
        raise UploadUsed(upload.manifest.id, upload.used_by)
    with spool_folder() as folder:
        path = folder / "content"
        await _spool(upload.manifest, chunks, path)
        await run_in_threadpool(services.store.put, uploaded_bytes(upload.manifest).key, path)


@dataclass(frozen=True)
class Announced:
    """An upload that is complete, by id."""

    services: Services
    tenant: str
    upload_id: str

    def check(self, ref: JobRef) -> Artefact:
        """Return the bytes for a job that may use them.

        Raises `InvalidRequest` without such an upload, `UploadIncomplete`, `UploadUsed`, or `InvalidUpload` if it has
        more bytes than announced.
        """
        try:
            return check_complete(self.services, self.tenant, self.upload_id, ref.id)
        except NotFound as error:
            raise InvalidRequest.at("/upload", error.detail) from None

    def claim(self, ref: JobRef) -> None:
        """Assign the upload to a job. Raises as `check`."""
        self.check(ref)
        claim(self.services, self.tenant, self.upload_id, ref.id)


class Sent:
    """A file that was sent in the same request. It is stored as a complete upload when a job claims it."""

    def __init__(
        self,
        services: Services,
        tenant: str,
        content: Path | IO[bytes],
        measured: Measured,
    ) -> None:
        self._services = services
        self._content = content
        self._manifest = UploadManifest(
            tenant=tenant,
            id=new_id("upload"),
            created_at=now(),
            num_bytes=measured.num_bytes,
            sha256=measured.sha256,
        )

    def check(self, ref: JobRef) -> Artefact:
        """Return the bytes as they will be stored."""
        return uploaded_bytes(self._manifest)

    def claim(self, ref: JobRef) -> None:
        """Store the file and assign it to a job."""
        manifest, store = self._manifest, self._services.store
        records.write(store, keys.manifest(manifest.tenant, "uploads", manifest.id), manifest)
        # The manifest first: an upload without bytes is incomplete, bytes without a manifest are lost.
        if not isinstance(self._content, Path):
            self._content.seek(0)
        store.put(uploaded_bytes(manifest).key, self._content)
        claim(self._services, manifest.tenant, manifest.id, ref.id)


Source = Announced | Sent
"""Where a job gets its file from."""


def check_complete(services: Services, tenant: str, upload_id: str, job_id: str) -> Artefact:
    """Return the bytes of a complete upload that no other job uses.

    Raises `NotFound`, `UploadIncomplete`, `UploadUsed`, or `InvalidUpload` if it has more bytes than announced.
    """
    upload = find(services, tenant, upload_id)
    announced = upload.manifest.num_bytes
    if upload.received_bytes < announced:
        raise UploadIncomplete(upload_id, upload.received_bytes, announced)
    if upload.received_bytes > announced:
        services.store.delete(uploaded_bytes(upload.manifest).key)
        raise InvalidUpload(_too_many(announced))
    if upload.used_by not in (None, job_id):
        raise UploadUsed(upload_id, upload.used_by or "")
    return uploaded_bytes(upload.manifest)


def claim(services: Services, tenant: str, upload_id: str, job_id: str) -> None:
    """Assign a complete upload to a job permanently. The same job may claim it again. Raises `UploadUsed`."""
    # `create` returns an existing claim instead of replacing it, so only one job gets the upload.
    claimed = UploadClaim(job=job_id)
    stored = records.create(services.store, keys.upload_claim(tenant, upload_id), claimed)
    if stored != claimed:
        raise UploadUsed(upload_id, stored.job)


def delete(services: Services, tenant: str, upload_id: str) -> None:
    """Delete an upload that no job uses. Raises `NotFound`, or `UploadUsed`: the end of its job deletes it."""
    with suppress(RecordDamaged):
        upload = find(services, tenant, upload_id)
        if upload.used_by is not None:
            raise UploadUsed(upload_id, upload.used_by)
    delete_upload(services.store, tenant, upload_id)


def _read(services: Services, tenant: str, upload_id: str) -> UploadManifest | None:
    return records.read(services.store, keys.manifest(tenant, "uploads", upload_id), UploadManifest)


def _state(services: Services, manifest: UploadManifest) -> Upload:
    info = services.store.head(uploaded_bytes(manifest).key)
    claimed = records.read(
        services.store, keys.upload_claim(manifest.tenant, manifest.id), UploadClaim
    )
    return Upload(
        manifest=manifest,
        received_bytes=info.num_bytes if info else 0,
        used_by=claimed.job if claimed else None,
        expires_at=manifest.created_at + services.settings.upload_ttl,
    )


async def _spool(manifest: UploadManifest, chunks: AsyncIterator[bytes], path: Path) -> None:
    """Write the chunks to a file and compare size and digest with the announcement."""
    digest, num_bytes = hashlib.sha256(), 0
    with path.open("wb", buffering=MiB) as file:
        async for chunk in chunks:
            num_bytes += len(chunk)
            # Stop at once: the rest could fill the disk.
            if num_bytes > manifest.num_bytes:
                raise InvalidUpload(_too_many(manifest.num_bytes))
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
    if num_bytes < manifest.num_bytes:
        raise InvalidUpload(
            f"Expected {manifest.num_bytes} bytes, as announced, got {num_bytes}. Send the whole file."
        )
    if digest.hexdigest() != manifest.sha256:
        raise InvalidUpload(
            f"Expected SHA-256 {manifest.sha256}, as announced, got {digest.hexdigest()}. Send the file again, or"
            " announce it with its real digest (sha256sum FILE)."
        )


def _too_many(num_bytes: int) -> str:
    return (
        f"Expected {num_bytes} bytes, as announced, got more; none were kept. Send the announced file, or announce this"
        " one with POST /v1/uploads."
    )
