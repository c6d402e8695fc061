"""Decodes uploads in a child process and stores them as immutable labelsets. Knows no HTTP."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

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
from app.http.idempotency import Created, Draft, create_once, idempotency_of
from app.http.paging import Page, read_page
from app.services import Services
from contracts.base import Artefact, now
from contracts.digests import sha256_of_file
from contracts.errors.tree import Gone, InvalidUpload, NotFound, RecordDamaged
from contracts.jobs import Idempotency
from contracts.labelsets import LabelsetEntry, LabelsetManifest, labelset_digest
from state import keys, records

log = structlog.get_logger()

T = TypeVar("T")

_STORING = timedelta(minutes=5)
"""The time allowed for storing a decoded upload, while its Idempotency-Key stays locked."""


@dataclass(frozen=True)
class Upload:
    """The files of an upload: an archive or single files, and the schema if it was sent as a form field.

    The files are in the working folder of the decoding child. Single files have the names that they would have in an
    archive.
    """

    archive: Path | None
    files: Sequence[SpooledFile]
    schema_text: str | None


def create(
    services: Services,
    tenant: str,
    upload: Upload,
    key: str | None,
    *,
    folder: Path,
    validate_only: bool = False,
) -> Created[LabelsetManifest]:
    """Create a labelset, or return the one that this Idempotency-Key created. A failure leaves nothing stored.

    Raises `InvalidUpload` with all flaws, `Unavailable` if all decoders are busy, and the errors of `create_once`.
    """
    job = _job_of(upload, services)
    idempotency = idempotency_of(key, "labelsets", _fingerprint(job))
    # The lock must outlive the slowest decoding, else a repeated request decodes again.
    lock_ttl = services.settings.decode_wall + _STORING

    def make(labelset_id: str) -> Draft[LabelsetManifest]:
        result = services.decoder.run(job, folder)
        manifest, files = _draft(tenant, labelset_id, result, idempotency)
        return Draft(manifest, partial(_store, services, manifest, files, folder))

    return create_once(
        services,
        tenant,
        "labelset",
        idempotency,
        find=lambda labelset_id: _read(services, tenant, labelset_id),
        make=make,
        lock_ttl=lock_ttl,
        validate_only=validate_only,
    )


def find(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest:
    """Return a labelset. Raises `NotFound`, or `Gone` if it was deleted."""
    labelset = _read(services, tenant, labelset_id)
    if labelset is None:
        raise NotFound("labelset", labelset_id)
    return labelset


def list_page(
    services: Services,
    tenant: str,
    *,
    limit: int,
    after: str | None,
    show: Callable[[LabelsetManifest], T],
) -> Page[T]:
    """Return a page of the tenant's labelsets, newest first."""

    def load(labelset_id: str) -> T | None:
        key = keys.manifest(tenant, "labelsets", labelset_id)
        manifest = records.read(services.store, key, LabelsetManifest)
        return show(manifest) if manifest is not None else None

    return read_page(services, tenant, "labelsets", limit=limit, after=after, load=load)


def delete(services: Services, tenant: str, labelset_id: str) -> None:
    """Delete a labelset except its tombstone. A second call changes nothing. Raises `NotFound`."""
    tombstone_key = keys.tombstone(tenant, "labelsets", labelset_id)
    # A deleted labelset has a tombstone; without one it must exist.
    if services.store.head(tombstone_key) is None:
        with suppress(RecordDamaged):
            find(services, tenant, labelset_id)
    prefix = keys.resource_prefix(tenant, "labelsets", labelset_id)
    records.delete_objects(
        services.store,
        prefix,
        tombstone_key=tombstone_key,
        # The manifest first: without it the labelset does not exist for readers.
        first=keys.manifest(tenant, "labelsets", labelset_id),
    )
    services.ledger.index_remove(tenant, "labelsets", labelset_id)


def _read(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest | None:
    """Return a labelset, or None if it was never created. Raises `Gone` if it was deleted."""
    key = keys.manifest(tenant, "labelsets", labelset_id)
    manifest = records.read(services.store, key, LabelsetManifest)
    tombstone = keys.tombstone(tenant, "labelsets", labelset_id)
    if manifest is None and services.store.head(tombstone) is not None:
        raise Gone("labelset", labelset_id)
    return manifest


def _job_of(upload: Upload, services: Services) -> DecodeJob:
    if (upload.archive is None) == (not upload.files):
        raise InvalidUpload(
            "Expected either one zip or tar in the form field 'archive', or files in 'images' and in 'masks',"
            " 'keypoints', 'depth' or 'annotations' with a 'schema'. With curl: -F archive=@labels.zip."
        )
    return DecodeJob(
        archive=upload.archive,
        files=tuple(upload.files),
        schema_text=upload.schema_text,
        limits=limits_of(services.settings),
        tasks=services.decoder.tasks,
    )


def _fingerprint(job: DecodeJob) -> list[object]:
    """Return the values that are equal for equal uploads: digest and name of every file, and the schema."""
    archive = sha256_of_file(job.archive) if job.archive else None
    files = [[file.name, sha256_of_file(file.path)] for file in job.files]
    return [archive, files, job.schema_text]


def _draft(
    tenant: str, labelset_id: str, result: DecodeResult, idempotency: Idempotency | None
) -> tuple[LabelsetManifest, Mapping[str, DecodedFile]]:
    """Return the labelset, and its files by the keys that they will have."""
    files: dict[str, DecodedFile] = {}

    def refer(file: DecodedFile) -> Artefact:
        key = keys.labelset_file(tenant, labelset_id, file.sha256, file.suffix)
        files[key] = file
        media_type = MEDIA_TYPES[file.suffix]
        return Artefact(
            key=key, sha256=file.sha256, num_bytes=file.num_bytes, media_type=media_type
        )

    entries = [_entry(entry, refer) for entry in result.entries]
    return _manifest(tenant, labelset_id, result, entries, idempotency), files


def _store(
    services: Services, manifest: LabelsetManifest, files: Mapping[str, DecodedFile], folder: Path
) -> None:
    """Store images and labels, then the manifest. If anything fails, delete the stored files."""
    place = (manifest.tenant, "labelsets", manifest.id)
    try:
        for key, file in files.items():
            services.store.put(key, read_decoded(folder, file))
        records.write(services.store, keys.manifest(*place), manifest)
    except BaseException:
        # Nothing refers to these objects without a manifest.
        for info in list(services.store.list(keys.resource_prefix(*place))):
            services.store.delete(info.key)
        raise
    _add_to_index(services, manifest)


def _manifest(
    tenant: str,
    labelset_id: str,
    result: DecodeResult,
    entries: Sequence[LabelsetEntry],
    idempotency: Idempotency | None,
) -> LabelsetManifest:
    assert result.upload is not None
    labels = result.upload.labels
    return LabelsetManifest(
        tenant=tenant,
        id=labelset_id,
        name=result.upload.name,
        created_at=now(),
        digest=labelset_digest(labels, tuple(entries)),
        labels=labels,
        entries=tuple(entries),
        class_pixels=tuple(map(sum, zip(*(e.class_pixels for e in entries), strict=True))),
        ignored_pixels=sum(entry.ignored_pixels for entry in entries),
        warnings=result.warnings,
        idempotency=idempotency,
    )


def _entry(entry: DecodedEntry, refer: Callable[[DecodedFile], Artefact]) -> LabelsetEntry:
    """Return the entry with references to its files, which `refer` returns."""
    further = {task: refer(file) for task, file in entry.parts.items()}
    own = entry.model_dump(exclude={"image", "mask", "keypoints", "depth", *further})
    return LabelsetEntry(
        image=refer(entry.image),
        mask=refer(entry.mask) if entry.mask else None,
        keypoints=refer(entry.keypoints) if entry.keypoints else None,
        depth=refer(entry.depth) if entry.depth else None,
        **own,
        **further,
    )


def _add_to_index(services: Services, manifest: LabelsetManifest) -> None:
    # The index is rebuilt from the store later, so the labelset is not lost.
    try:
        services.ledger.index_add(manifest.tenant, "labelsets", [manifest.id])
    except redis.RedisError as error:
        log.warning("labelset stored but not indexed", labelset=manifest.id, error=str(error))
