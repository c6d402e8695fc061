"""Announces uploads, takes their bytes in where the store cannot, and hands them to the one job that uses them.

Knows no HTTP. Bytes that the store took by itself are only counted here; whoever uses them checks their digest.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from fastapi.concurrency import run_in_threadpool

from app.http.idempotency import Created, check_replay, idempotency_of, reserve
from app.services import Services
from contracts.base import Artefact, now
from contracts.errors.conflicts import UploadIncomplete, UploadUsed
from contracts.errors.tree import InvalidUpload, NotFound, TooLarge
from contracts.ids import new_id
from contracts.uploads import UploadClaim, UploadManifest
from state import keys, records
from state.settings import MiB
from state.spooling import spool_folder
from state.uploads import delete_upload, uploaded_bytes


@dataclass(frozen=True)
class Measured:
    """The size and the digest of bytes that are here."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Upload:
    """An upload as it stands: what was announced, how much of it is there, and which job has it."""

    manifest: UploadManifest
    received_bytes: int
    used_by: str | None
    expires_at: datetime


def announce(
    services: Services, tenant: str, num_bytes: int, sha256: str, *, key: str | None
) -> Created[Upload]:
    """Makes room for an upload, or finds what this Idempotency-Key has announced. Raises `TooLarge`."""
    most = services.settings.max_checkpoint_bytes
    if num_bytes > most:
        raise TooLarge(f"An upload of {num_bytes} bytes was announced; at most {most} are taken.")
    idempotency = idempotency_of(key, "uploads", [num_bytes, sha256])
    with reserve(services, tenant, "upload", idempotency) as upload_id:
        standing = _read(services, tenant, upload_id)
        if standing is not None:
            check_replay(standing.idempotency, idempotency)
            return Created(_state(services, standing), is_replay=True)
        manifest = UploadManifest(
            tenant=tenant,
            id=upload_id,
            created_at=now(),
            num_bytes=num_bytes,
            sha256=sha256,
            idempotency=idempotency,
        )
        records.write(services.store, keys.manifest(tenant, "uploads", upload_id), manifest)
        return Created(_state(services, manifest), is_replay=False)


def find(services: Services, tenant: str, upload_id: str) -> Upload:
    """The upload as it stands. Raises `NotFound`, also for one that was used and is deleted."""
    manifest = _read(services, tenant, upload_id)
    if manifest is None:
        raise NotFound("upload", upload_id)
    return _state(services, manifest)


async def take_in(services: Services, upload: Upload, chunks: AsyncIterator[bytes]) -> None:
    """Stores the bytes of an upload, all or none. Raises `InvalidUpload` when they are not what was announced."""
    if upload.used_by is not None:
        raise UploadUsed(upload.manifest.id, upload.used_by)
    with spool_folder() as folder:
        path = folder / "content"
        await _spool(upload.manifest, chunks, path)
        await run_in_threadpool(services.store.put, uploaded_bytes(upload.manifest).key, path)


def keep(services: Services, tenant: str, file: IO[bytes], measured: Measured) -> str:
    """Stores a file that came in one request as an upload that is complete; returns its id."""
    manifest = UploadManifest(
        tenant=tenant,
        id=new_id("upload"),
        created_at=now(),
        num_bytes=measured.num_bytes,
        sha256=measured.sha256,
    )
    records.write(services.store, keys.manifest(tenant, "uploads", manifest.id), manifest)
    file.seek(0)
    services.store.put(uploaded_bytes(manifest).key, file)
    return manifest.id


def claim(services: Services, tenant: str, upload_id: str, job_id: str) -> Artefact:
    """Hands a complete upload to a job, for good. The same job may ask again.

    Raises `NotFound`, `UploadIncomplete`, `UploadUsed`, or `InvalidUpload` when more came than was announced.
    """
    upload = find(services, tenant, upload_id)
    announced = upload.manifest.num_bytes
    if upload.received_bytes < announced:
        raise UploadIncomplete(upload_id, upload.received_bytes, announced)
    if upload.received_bytes > announced:
        services.store.delete(uploaded_bytes(upload.manifest).key)
        raise InvalidUpload(_more(announced))
    claimed = UploadClaim(job=job_id)
    standing = records.create(services.store, keys.upload_claim(tenant, upload_id), claimed)
    if standing != claimed:
        raise UploadUsed(upload_id, standing.job)
    return uploaded_bytes(upload.manifest)


def delete(services: Services, tenant: str, upload_id: str) -> None:
    """Erases an upload that no job has. Raises `NotFound`, or `UploadUsed`: a job's end erases it."""
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
    """Writes the bytes to a file as they come, and compares them with what was announced."""
    digest, num_bytes = hashlib.sha256(), 0
    with path.open("wb", buffering=MiB) as file:
        async for chunk in chunks:
            num_bytes += len(chunk)
            if num_bytes > manifest.num_bytes:
                raise InvalidUpload(_more(manifest.num_bytes))
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
    if num_bytes < manifest.num_bytes:
        raise InvalidUpload(
            f"{num_bytes} bytes came, but {manifest.num_bytes} were announced. Send the whole file."
        )
    if digest.hexdigest() != manifest.sha256:
        raise InvalidUpload(
            f"The bytes have SHA-256 {digest.hexdigest()}, but {manifest.sha256} was announced. Send the file"
            " again, or announce it anew with its own digest (sha256sum FILE)."
        )


def _more(num_bytes: int) -> str:
    return (
        f"More bytes came than the {num_bytes} that were announced; none were kept. Send the file that was announced,"
        " or announce this one by POST /v1/uploads."
    )
