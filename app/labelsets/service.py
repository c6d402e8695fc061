"""Takes an upload in, decoded by a child process, and keeps it as an immutable labelset. Knows no HTTP."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TypeVar

import redis
import structlog

from app.decoding.parent import limits_of, read_decoded
from app.decoding.protocol import (
    MEDIA_TYPES,
    DecodedEntry,
    DecodedFile,
    DecodeJob,
    DecodeResult,
    SpooledFile,
)
from app.idempotency import Created, check_replay, idempotency_of, reserve
from app.paging import Page, read_page
from app.services import Services
from contracts import keys, records
from contracts.digests import sha256_of_file
from contracts.errors import Gone, InvalidUpload, NotFound
from contracts.jobs import Idempotency
from contracts.labelsets import LabelsetEntry, LabelsetManifest, labelset_digest
from contracts.shapes import Artefact, now
from contracts.spooling import spool_folder

log = structlog.get_logger()

T = TypeVar("T")

_STORING = timedelta(minutes=5)


@dataclass(frozen=True)
class UploadedFile:
    """One file as it came: the name it would have in an archive, and its bytes to be read once."""

    name: str
    content: IO[bytes]


@dataclass(frozen=True)
class Upload:
    """What came: an archive or single files, and the schema when it came beside them."""

    archive: UploadedFile | None
    files: Sequence[UploadedFile]
    schema_text: str | None


def create(
    services: Services, tenant: str, upload: Upload, key: str | None
) -> Created[LabelsetManifest]:
    """Makes a labelset, or finds the one that this Idempotency-Key has made. Nothing half-made is left behind."""
    with spool_folder() as folder:
        job = _spool(upload, folder, services)
        idempotency = idempotency_of(key, "labelsets", _fingerprint(job))
        lock_ttl = services.settings.decode_wall + _STORING
        with reserve(services, tenant, "labelset", idempotency, lock_ttl=lock_ttl) as labelset_id:
            standing = _find_standing(services, tenant, labelset_id)
            if standing is not None:
                check_replay(standing.idempotency, idempotency)
                return Created(standing, is_replay=True)
            result = services.decoder.run(job, folder)
            made = _keep(
                services, tenant, labelset_id, result, folder=folder, idempotency=idempotency
            )
            return Created(made, is_replay=False)


def find(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest:
    """The labelset. Raises `NotFound`, or `Gone` when it was deleted."""
    standing = _find_standing(services, tenant, labelset_id)
    if standing is None:
        raise NotFound("labelset", labelset_id)
    return standing


def list_page(
    services: Services,
    tenant: str,
    *,
    limit: int,
    after: str | None,
    show: Callable[[LabelsetManifest], T],
) -> Page[T]:
    """A page of the tenant's labelsets, newest first."""

    def load(labelset_id: str) -> T | None:
        key = keys.manifest(tenant, "labelsets", labelset_id)
        found = records.read(services.store, key, LabelsetManifest)
        return show(found) if found is not None else None

    return read_page(services, tenant, "labelsets", limit=limit, after=after, load=load)


def delete(services: Services, tenant: str, labelset_id: str) -> None:
    """Erases a labelset; its tombstone stays. Deleting twice changes nothing."""
    tombstone_key = keys.tombstone(tenant, "labelsets", labelset_id)
    if services.store.head(tombstone_key) is None:
        find(services, tenant, labelset_id)
    prefix = keys.thing_prefix(tenant, "labelsets", labelset_id)
    records.delete_objects(
        services.store,
        prefix,
        tombstone_key=tombstone_key,
        first=keys.manifest(tenant, "labelsets", labelset_id),
    )
    services.ledger.index_remove(tenant, "labelsets", labelset_id)


def _find_standing(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest | None:
    key = keys.manifest(tenant, "labelsets", labelset_id)
    manifest = records.read(services.store, key, LabelsetManifest)
    tombstone = keys.tombstone(tenant, "labelsets", labelset_id)
    if manifest is None and services.store.head(tombstone) is not None:
        raise Gone("labelset", labelset_id)
    return manifest


def _spool(upload: Upload, folder: Path, services: Services) -> DecodeJob:
    """Copies what came into the child's folder, under names of ours."""
    if (upload.archive is None) == (not upload.files):
        raise InvalidUpload(
            "Send a multipart form with either one zip or tar as 'archive', or files as 'images' and as 'masks',"
            " 'keypoints', 'depth' or 'annotations' with a 'schema'. With curl: -F archive=@labels.zip."
        )
    files = []
    for number, file in enumerate(upload.files):
        path = folder / f"upload-{number:06d}"
        _copy(file, path)
        files.append(SpooledFile(name=file.name, path=path))
    archive = folder / "archive" if upload.archive else None
    if upload.archive and archive:
        _copy(upload.archive, archive)
    return DecodeJob(
        archive=archive,
        files=tuple(files),
        schema_text=upload.schema_text,
        limits=limits_of(services.settings),
    )


def _copy(file: UploadedFile, path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(file.content, target)


def _fingerprint(job: DecodeJob) -> list[object]:
    """What makes two uploads the same: the bytes of every file, its name, and the schema."""
    archive = sha256_of_file(job.archive) if job.archive else None
    files = [[file.name, sha256_of_file(file.path)] for file in job.files]
    return [archive, files, job.schema_text]


def _keep(
    services: Services,
    tenant: str,
    labelset_id: str,
    result: DecodeResult,
    *,
    folder: Path,
    idempotency: Idempotency | None,
) -> LabelsetManifest:
    """Stores images and labels, then the manifest. When anything fails in between, what was stored is removed again."""
    assert result.upload is not None
    try:
        entries = tuple(
            _keep_entry(services, tenant, labelset_id, entry, folder=folder)
            for entry in result.entries
        )
        labels = result.upload.labels
        manifest = LabelsetManifest(
            tenant=tenant,
            id=labelset_id,
            name=result.upload.name,
            created_at=now(),
            digest=labelset_digest(labels, entries),
            labels=labels,
            entries=entries,
            class_pixels=tuple(map(sum, zip(*(e.class_pixels for e in entries), strict=True))),
            ignored_pixels=sum(entry.ignored_pixels for entry in entries),
            idempotency=idempotency,
        )
        records.write(services.store, keys.manifest(tenant, "labelsets", labelset_id), manifest)
    except BaseException:
        for info in list(services.store.list(keys.thing_prefix(tenant, "labelsets", labelset_id))):
            services.store.delete(info.key)
        raise
    _announce(services, manifest)
    return manifest


def _keep_entry(
    services: Services, tenant: str, labelset_id: str, entry: DecodedEntry, *, folder: Path
) -> LabelsetEntry:
    """Stores the files of one image. Raises `InvalidUpload` for one whose bytes are not what the child said."""

    def keep(file: DecodedFile) -> Artefact:
        key = keys.labelset_file(tenant, labelset_id, file.sha256, file.suffix)
        services.store.put(key, read_decoded(folder, file))
        media_type = MEDIA_TYPES[file.suffix]
        return Artefact(
            key=key, sha256=file.sha256, num_bytes=file.num_bytes, media_type=media_type
        )

    own = entry.model_dump(exclude={"image", "mask", "keypoints", "depth"})
    return LabelsetEntry(
        image=keep(entry.image),
        mask=keep(entry.mask) if entry.mask else None,
        keypoints=keep(entry.keypoints) if entry.keypoints else None,
        depth=keep(entry.depth) if entry.depth else None,
        **own,
    )


def _announce(services: Services, manifest: LabelsetManifest) -> None:
    try:
        services.ledger.index_add(manifest.tenant, "labelsets", [manifest.id])
    except redis.RedisError as error:
        log.warning("stored but not listed", labelset=manifest.id, error=str(error))
