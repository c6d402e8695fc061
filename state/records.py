"""What the store says of a job, and the one function that turns it into a status.

Used by the app, the workers and the reconciler. The facts are `request.json`, `cancel.json`,
`manifest.json` and `tombstone.json`; `state/keys.py` says who writes which.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from contracts.base import Model, now
from contracts.batches import BatchManifest, BatchRequest, ShardRecord
from contracts.errors.tree import StoreUnavailable
from contracts.fits.fit import FitManifest, FitRequest
from contracts.generators import (
    GeneratorManifest,
    GeneratorOutcome,
    GeneratorRequest,
    InverterManifest,
)
from contracts.inverters import InverterOutcome, InverterRequest
from contracts.jobs import (
    Cancellation,
    JobError,
    JobKind,
    JobRef,
    JobStatus,
    Live,
    TerminalStatus,
    Tombstone,
)
from state import keys
from state.ledger import Ledger
from state.store import Store

S = TypeVar("S", bound=Model)

JobRequest = GeneratorRequest | InverterRequest | FitRequest | BatchRequest
JobManifest = GeneratorOutcome | InverterOutcome | FitManifest | BatchManifest

REQUEST_OF_KIND: dict[JobKind, type[JobRequest]] = {
    "generator": GeneratorRequest,
    "inverter": InverterRequest,
    "fit": FitRequest,
    "batch": BatchRequest,
}
MANIFEST_OF_KIND: dict[JobKind, type[JobManifest]] = {
    "generator": GeneratorOutcome,
    "inverter": InverterOutcome,
    "fit": FitManifest,
    "batch": BatchManifest,
}


def read(store: Store, key: str, shape: type[S]) -> S | None:
    """The stored shape, or None when there is no such object."""
    try:
        return shape.model_validate_json(store.get(key))
    except FileNotFoundError:
        return None


def write(store: Store, key: str, value: Model) -> None:
    """Stores a shape, whatever was there."""
    store.put(key, _encode(value))


def create(store: Store, key: str, value: S) -> S:
    """Stores a shape unless there is one; returns the one that stands."""
    if store.create(key, _encode(value)):
        return value
    return type(value).model_validate_json(store.get(key))


@dataclass(frozen=True)
class JobRecord:
    """Everything the store says of one job."""

    request: JobRequest
    cancellation: Cancellation | None
    manifest: JobManifest | None

    def status(self, live: Live) -> JobStatus:
        """The job's status: the facts decide, Redis only tells queued from running."""
        if self.manifest is not None:
            return JobStatus(self.manifest.status)
        if self.cancellation is not None:
            return JobStatus.CANCELLING
        return JobStatus.RUNNING if live.started_at is not None else JobStatus.QUEUED


def read_request(store: Store, ref: JobRef) -> JobRequest | None:
    """What was asked, or None when there is no such job."""
    return read(store, keys.job_request(ref), REQUEST_OF_KIND[ref.kind])


def read_manifest(store: Store, ref: JobRef) -> JobManifest | None:
    """How the job ended, or None when it has not."""
    return read(store, keys.job_manifest(ref), MANIFEST_OF_KIND[ref.kind])


def read_generator(store: Store, tenant: str, generator_id: str) -> GeneratorManifest | None:
    """A generator that can be fitted, or None: there is none, or its import has not ended or not ended well."""
    outcome = read(store, keys.manifest(tenant, "generators", generator_id), GeneratorOutcome)
    return outcome.generator if outcome is not None else None


def read_inverters(store: Store, tenant: str, generator_id: str) -> list[InverterManifest]:
    """All inverters that lie below a generator."""
    keys_found = [found.key for found in store.list(keys.inverters_prefix(tenant, generator_id))]
    found = (read(store, key, InverterManifest) for key in keys_found)
    return [inverter for inverter in found if inverter is not None]


def read_job(store: Store, ref: JobRef) -> JobRecord | None:
    """The job's record, or None when there is no such job."""
    request = read_request(store, ref)
    if request is None:
        return None
    manifest = read_manifest(store, ref)
    cancellation = None if manifest else read(store, keys.job_cancel(ref), Cancellation)
    return JobRecord(request, cancellation, manifest)


def has_ended(store: Store, ref: JobRef) -> bool:
    """True once the job has its manifest. One HEAD, as `is_cancelled`."""
    return store.head(keys.job_manifest(ref)) is not None


def is_cancelled(store: Store, ref: JobRef) -> bool:
    """True once the caller wants the job to stop. One HEAD: cheap enough between micro-batches."""
    return store.head(keys.job_cancel(ref)) is not None


def is_deleted(store: Store, ref: JobRef) -> bool:
    """True once the job's data is gone or going; whoever works on it stops and writes nothing more."""
    return store.head(keys.job_tombstone(ref)) is not None


def finish(store: Store, ledger: Ledger, ref: JobRef, manifest: JobManifest) -> JobManifest:
    """Ends a job: the manifest goes into the store, then the news into Redis. Returns the manifest that stands.

    What only the running job needed goes too.
    """
    standing = create(store, keys.job_manifest(ref), manifest)
    ledger.status(ref, JobStatus(standing.status))
    clear_scratch(store, ref)
    return standing


def clear_scratch(store: Store, ref: JobRef) -> None:
    """Removes what only the running job needed."""
    for found in list(store.list(keys.job_scratch(ref))):
        store.delete(found.key)


def ended_without_result(
    ref: JobRef,
    status: TerminalStatus,
    started_at: datetime | None,
    error: JobError | None = None,
) -> JobManifest:
    """The manifest of a job that made nothing: cancelled, failed or expired."""
    return MANIFEST_OF_KIND[ref.kind](
        status=status, started_at=started_at, finished_at=now(), error=error
    )


def shard_records(store: Store, batch: JobRef) -> dict[int, ShardRecord]:
    """The records of all rendered shards of a batch, by index."""
    found = (read(store, key, ShardRecord) for key in _shard_record_keys(store, batch))
    return {record.index: record for record in found if record is not None}


def shards_done(store: Store, batch: JobRef) -> set[int]:
    """Which shards of a batch are rendered, without reading their records."""
    return {
        int(key.rpartition("/")[2][: -len(".json")]) for key in _shard_record_keys(store, batch)
    }


def delete_objects(store: Store, prefix: str, *, tombstone_key: str, first: str) -> None:
    """Marks what lies below `prefix` as deleted, then removes it; the tombstone stays. Safe to repeat.

    `first` is the object that makes the thing exist: once it is gone, a half of it is never seen, also when
    the process ends in between.

    Works on a full disk: where there is no room for a tombstone, `first` is renamed to it. That takes no room, and the
    thing is gone and marked in the same instant. The tombstone gets its own text once there is room.
    """
    tombstone = Tombstone(deleted_at=now())
    is_marked = _mark(store, tombstone_key, tombstone, first)
    store.delete(first)
    for found in list(store.list(prefix)):
        if found.key != tombstone_key:
            store.delete(found.key)
    if not is_marked:
        with suppress(
            StoreUnavailable
        ):  # another process took the room: the mark is there all the same
            write(store, tombstone_key, tombstone)


def _mark(store: Store, tombstone_key: str, tombstone: Tombstone, first: str) -> bool:
    """Leaves a tombstone; False when it has yet to get its text. Raises `StoreUnavailable` when there can be none."""
    try:
        if store.create(tombstone_key, _encode(tombstone)):
            return True
        return read(store, tombstone_key, Tombstone) is not None
    except ValidationError:  # renamed to it by a delete that found no room, or was interrupted
        return False
    except StoreUnavailable:
        if store.head(tombstone_key) is None:
            with suppress(FileNotFoundError):  # gone already: what follows makes room
                store.rename(first, tombstone_key)
        return False


def rebuild_index(store: Store, ledger: Ledger, tenant: str, noun: keys.Noun) -> None:
    """Fills the listing index of one noun from the store, after Redis has lost it."""
    ledger.index_fill(tenant, noun, store.children(keys.noun_prefix(tenant, noun)))


def _shard_record_keys(store: Store, batch: JobRef) -> Iterator[str]:
    return (
        found.key for found in store.list(keys.shards_prefix(batch)) if found.key.endswith(".json")
    )


def _encode(value: Model) -> bytes:
    return value.model_dump_json(indent=1).encode()
