"""Decodes an upload in a child process and stores it as an immutable labelset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

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
from app.http.idempotency import Draft
from app.services import Services
from contracts.base import Artefact, now
from contracts.digests import sha256_of_file
from contracts.errors.tree import InvalidUpload
from contracts.jobs import Idempotency
from contracts.labelsets import LabelsetEntry, LabelsetManifest, labelset_digest
from state import keys, records

log = structlog.get_logger()

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


class UploadedFiles:
    """The files of an upload on disk, before they become a labelset of a tenant."""

    def __init__(self, services: Services, tenant: str, upload: Upload, folder: Path) -> None:
        """Raises `InvalidUpload` unless there is either an archive or single files."""
        self._services = services
        self._tenant = tenant
        self._folder = folder
        self._job = _job_of(upload, services)

    @property
    def lock_ttl(self) -> timedelta:
        """The lifetime of an Idempotency-Key's lock. It outlives the slowest decoding, else a repeat decodes again."""
        return self._services.settings.decode_wall + _STORING

    def fingerprint(self) -> list[object]:
        """Return the values that are equal for equal uploads: digest and name of every file, and the schema."""
        job = self._job
        archive = sha256_of_file(job.archive) if job.archive else None
        files = [[file.name, sha256_of_file(file.path)] for file in job.files]
        return [archive, files, job.schema_text]

    def draft(self, labelset_id: str, idempotency: Idempotency | None) -> Draft[LabelsetManifest]:
        """Decode the files and return the labelset, which is not stored yet.

        Raises `InvalidUpload` with all flaws, and `Unavailable` if all decoders are busy.
        """
        result = self._services.decoder.run(self._job, self._folder)
        manifest, files = _draft(self._tenant, labelset_id, result, idempotency)
        return Draft(manifest, partial(_store, self._services, manifest, files, self._folder))


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
