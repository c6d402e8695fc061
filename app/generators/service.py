"""Queues imports of checkpoints; finds generators and their inverters in the store. Knows no HTTP."""

import hashlib
import os
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import IO

from app.generators.schemas import GeneratorCreate, GeneratorForm
from app.generators.training import START_POINTER, check_start, check_training
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.creating import create_job
from app.jobs.service import JobState
from app.services import Services
from app.uploads import service as uploads
from app.uploads.service import Measured
from contracts.base import now
from contracts.errors.conflicts import BuiltIn, GeneratorNotReady
from contracts.errors.tree import Gone, InvalidRequest, InvalidUpload, NotFound, TooLarge
from contracts.generators.families import UnknownFamily, family_of
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorRequest,
    PinnedGenerator,
    StoredGenerator,
    StoredInverter,
)
from contracts.ids import DEFAULT_TENANT, is_built_in, owner_of
from contracts.jobs import JobRef
from state import keys, records
from state.settings import MiB

_MAX_LISTED = 20
"""The most generators in a message."""
_MAX_SHOWN_CHARACTERS = 200
"""The most characters that are kept of the name of an uploaded file."""
_STORE_TIMEOUT = timedelta(minutes=15)
"""Longer than it takes to store the largest checkpoint."""


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint in the same request as its form; it can be read once."""

    form: GeneratorForm
    name: str
    content: IO[bytes]


def create(
    services: Services,
    tenant: str,
    body: GeneratorCreate | CheckpointFile,
    key: str | None,
    *,
    validate_only: bool = False,
) -> Created[JobState]:
    """Queue an import or a training, or return the generator of the Idempotency-Key.

    Raises `InvalidRequest`, `TooLarge`, `UploadIncomplete` or `UploadUsed`.
    """
    form = body.form if isinstance(body, CheckpointFile) else body
    check_training(services, form)
    if form.training is not None and form.training.start_from is not None:
        check_start(services, form.training, _start(services, tenant, form.training.start_from))
    source: uploads.Source
    if isinstance(body, CheckpointFile):
        measured = _measure(body.content, services.settings.max_checkpoint_bytes)
        fingerprint = [form.model_dump(mode="json", exclude_none=True), measured.sha256]
        idempotency = idempotency_of(key, "generators", fingerprint)
        name, content = body.name[:_MAX_SHOWN_CHARACTERS], body.content
        source = uploads.Sent(services, tenant, content, measured)
    else:
        whole = body.model_dump(mode="json", exclude_none=True)
        idempotency, name = idempotency_of(key, "generators", whole), body.upload
        source = uploads.Announced(services, tenant, body.upload)

    def resolve(ref: JobRef) -> GeneratorRequest:
        return GeneratorRequest(
            tenant=tenant,
            id=ref.id,
            created_at=now(),
            idempotency=idempotency,
            name=form.name,
            license=form.license,
            source=f"uploaded as {name}",
            original=source.check(ref),
            import_options=form.import_options,
            training=form.training,
        )

    return create_job(
        services,
        tenant,
        "generator",
        idempotency=idempotency,
        resolve=resolve,
        claim=source.claim,
        lock_ttl=_STORE_TIMEOUT,
        validate_only=validate_only,
    )


def _start(services: Services, tenant: str, generator_id: str) -> StoredGenerator:
    try:
        return find(services, tenant, generator_id)
    except (NotFound, Gone, GeneratorNotReady) as error:
        raise InvalidRequest.at(START_POINTER, error.detail) from None


def find(services: Services, tenant: str, generator_id: str) -> StoredGenerator:
    """Return a generator that can be fitted.

    Raises `NotFound`, `Gone`, `GeneratorNotReady`, or `InvalidRequest` for a family that the service does not have.
    """
    state = jobs.find(services, JobRef(tenant=owner_of(tenant, generator_id), id=generator_id))
    generator = _imported(state)
    if generator is None:
        raise GeneratorNotReady(generator_id, state.status)
    try:
        family_of(generator, services.families)
    except UnknownFamily as error:
        raise InvalidRequest(str(error)) from None
    return generator


def pin(generator: StoredGenerator) -> PinnedGenerator:
    """Return the pin of a generator for a request: its id, digest and size."""
    pinned = generator.model_dump(include=set(PinnedGenerator.model_fields))
    return PinnedGenerator.model_validate(pinned)


def list_ids(services: Services, tenant: str) -> list[str]:
    """Return up to 20 ids of generators that can be fitted: built-in ones, then the newest ones."""
    own, of_default = (
        services.store.children(keys.noun_prefix(owner, "generators"))
        for owner in (tenant, DEFAULT_TENANT)
    )
    ids = sorted({*own, *filter(is_built_in, of_default)}, reverse=True)
    ready = (
        each for each in ids if records.read_generator(services.store, tenant, each) is not None
    )
    return list(islice(ready, _MAX_LISTED))


def list_inverters(
    services: Services, tenant: str, generator: StoredGenerator
) -> list[StoredInverter]:
    """Return the inverters of a generator that the tenant may use, newest first."""
    stored = records.read_inverters(services.store, tenant, generator.id)
    matches = (inverter for inverter in stored if inverter.generator_digest == generator.digest)
    return sorted(matches, key=lambda inverter: inverter.created_at, reverse=True)


def list_inverters_of(services: Services, tenant: str, state: JobState) -> list[StoredInverter]:
    """Return the inverters of a generator, newest first; none before its import has succeeded."""
    generator = _imported(state)
    return list_inverters(services, tenant, generator) if generator is not None else []


def delete(services: Services, ref: JobRef) -> None:
    """Delete an uploaded generator whose import has ended. Raises `BuiltIn` for a built-in one, `JobNotFinished`.

    A damaged built-in generator can be deleted, and is published again, if it has no other tenants.
    """
    request = records.read_intact(services.store, keys.job_request(ref), GeneratorRequest)
    is_shared = is_built_in(ref.id) and services.settings.auth == "keys"
    if request.original is None if request is not None else is_shared:
        raise BuiltIn("generator", ref.id)
    jobs.delete(services, ref)


def _imported(state: JobState) -> StoredGenerator | None:
    manifest = state.record.manifest
    return manifest.generator if isinstance(manifest, GeneratorManifest) else None


def _measure(content: IO[bytes], max_bytes: int) -> Measured:
    """Return the size and digest of a file in a form. Raises `TooLarge`, or `InvalidUpload` for an empty one."""
    num_bytes = content.seek(0, os.SEEK_END)
    if num_bytes > max_bytes:
        raise TooLarge(f"Expected a checkpoint of at most {max_bytes} bytes, got {num_bytes}.")
    if num_bytes == 0:
        raise InvalidUpload("Expected a checkpoint, got an empty file. With curl: -F file=@FILE.")
    content.seek(0)
    digest = hashlib.sha256()
    while chunk := content.read(MiB):
        digest.update(chunk)
    return Measured(num_bytes, digest.hexdigest())
