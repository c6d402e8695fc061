"""Creates labelsets from uploads, finds, lists and deletes them. Knows no HTTP."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from app.http.idempotency import Created, create_once, idempotency_of
from app.http.paging import Page, read_page
from app.labelsets.storing import Upload, UploadedFiles
from app.services import Services
from contracts.errors.tree import Gone, NotFound, RecordDamaged
from contracts.labelsets import LabelsetManifest
from state import keys, records

T = TypeVar("T")


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
    files = UploadedFiles(services, tenant, upload, folder)
    idempotency = idempotency_of(key, "labelsets", files.fingerprint())
    return create_once(
        services,
        tenant,
        "labelset",
        idempotency,
        find=lambda labelset_id: find_created(services, tenant, labelset_id),
        make=lambda labelset_id: files.draft(labelset_id, idempotency),
        lock_ttl=files.lock_ttl,
        validate_only=validate_only,
    )


def find(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest:
    """Return a labelset. Raises `NotFound`, or `Gone` if it was deleted."""
    labelset = find_created(services, tenant, labelset_id)
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


def find_created(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest | None:
    """Return a labelset, or None if it was never created. Raises `Gone` if it was deleted."""
    key = keys.manifest(tenant, "labelsets", labelset_id)
    manifest = records.read(services.store, key, LabelsetManifest)
    tombstone = keys.tombstone(tenant, "labelsets", labelset_id)
    if manifest is None and services.store.head(tombstone) is not None:
        raise Gone("labelset", labelset_id)
    return manifest
