"""Reads and writes the records of jobs in the store, and derives a job's status from them.

Used by the app, the workers and the reconciler. The facts are `request.json`, `cancel.json`, `manifest.json` and
`tombstone.json`; `state/keys.py` says which process writes which.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import redis
import structlog
from pydantic import ValidationError

from contracts.base import Model, now
from contracts.errors.tree import RecordDamaged, StoreUnavailable
from contracts.generators.generator import GeneratorManifest, StoredGenerator, StoredInverter
from contracts.ids import owner_of
from contracts.jobs import (
    Cancellation,
    JobError,
    JobManifest,
    JobRef,
    JobStart,
    JobStatus,
    Live,
    Request,
    TerminalStatus,
    Tombstone,
)
from contracts.kinds import Kinds
from state import keys
from state.ledger import Ledger
from state.leftovers.plan import plan_sweep
from state.store import Store
from state.waiting import paths
from state.waiting.attention import Attention
from state.webhooks.ends import note_end, wake

log = structlog.get_logger()

M = TypeVar("M", bound=Model)
R = TypeVar("R", bound=Request)
T = TypeVar("T", bound=JobManifest)

READ_AT_ONCE = 32


def read(store: Store, key: str, model: type[M]) -> M | None:
    """Return a stored value, or None when there is no such object. Raises `RecordDamaged`."""
    try:
        return model.from_stored(store.get(key))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        is_torn = error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"
        raise RecordDamaged(key, is_torn=is_torn) from error


def read_intact(store: Store, key: str, model: type[M]) -> M | None:
    """Return a stored value, or None when there is none or it is damaged: for values that are made again."""
    try:
        return read(store, key, model)
    except RecordDamaged as error:
        log.warning("damaged record skipped", key=key, error=str(error.__cause__))
        return None


def write(store: Store, key: str, value: Model) -> None:
    """Store a value. An older value is overwritten."""
    store.put(key, _encode(value))


def create(store: Store, key: str, value: M) -> M:
    """Store a value unless the key has one. Returns the stored value. A torn one is replaced: it never was complete."""
    if store.create(key, _encode(value)):
        return value
    try:
        first = read(store, key, type(value))
    except RecordDamaged as error:
        if not error.is_torn:
            raise
        first = None
    if first is None:
        log.warning("torn or deleted record replaced", key=key)
        write(store, key, value)
    return first or value


@dataclass(frozen=True)
class JobRecord:
    """The records of one job in the store."""

    request: Request
    cancellation: Cancellation | None
    manifest: JobManifest | None

    def status(self, live: Live) -> JobStatus:
        """Return the job's status. The store decides; Redis only distinguishes queued from running."""
        if self.manifest is not None:
            return JobStatus(self.manifest.status)
        if self.cancellation is not None:
            return JobStatus.CANCELLING
        return JobStatus.RUNNING if live.started_at is not None else JobStatus.QUEUED


def read_request(store: Store, ref: JobRef, model: type[R]) -> R | None:
    """Return the request of a job of a known kind, or None when there is no such job.

    If the job waited for another one, it has what that one made, as soon as `start.json` says so.
    """
    request = read(store, keys.job_request(ref), model)
    if request is None or request.waits_for is None:
        return request
    start = read(store, paths.start(ref), JobStart)
    return request if start is None else request.started(start)


def read_manifest(store: Store, ref: JobRef, model: type[T]) -> T | None:
    """Return the manifest of a job of a known kind, or None when the job has not ended."""
    return read(store, keys.job_manifest(ref), model)


def read_generator(store: Store, tenant: str, generator_id: str) -> StoredGenerator | None:
    """Return an imported or built-in generator, or None when its import has not succeeded."""
    owner = owner_of(tenant, generator_id)
    manifest = read(store, keys.manifest(owner, "generators", generator_id), GeneratorManifest)
    return manifest.generator if manifest is not None else None


def read_inverters(store: Store, tenant: str, generator_id: str) -> list[StoredInverter]:
    """Return the inverters of a generator that a tenant may use: its own and built-in ones, without damaged ones."""
    owner = owner_of(tenant, generator_id)
    found = _inverters(store, tenant, generator_id)
    if owner == tenant:
        return found
    shared = [each for each in _inverters(store, owner, generator_id) if each.is_built_in]
    own = {each.digest for each in found}
    return [*found, *(each for each in shared if each.digest not in own)]


def _inverters(store: Store, tenant: str, generator_id: str) -> list[StoredInverter]:
    objects = list(store.list(keys.inverters_prefix(tenant, generator_id)))
    inverters = (read_intact(store, info.key, StoredInverter) for info in objects)
    return [inverter for inverter in inverters if inverter is not None]


def read_job(store: Store, kinds: Kinds, ref: JobRef) -> JobRecord | None:
    """Return the record of a job of any kind, or None when there is no such job. Raises `RecordDamaged`."""
    kind = kinds.of(ref)
    request = read_request(store, ref, kind.request)
    if request is None:
        return None
    manifest = read_manifest(store, ref, kind.manifest)
    cancellation = None if manifest else _read_cancellation(store, request)
    return JobRecord(request, cancellation, manifest)


def _read_cancellation(store: Store, request: Request) -> Cancellation | None:
    """Return the cancellation of a job. A damaged one cancels too: that it exists is the fact."""
    try:
        return read(store, keys.job_cancel(request.ref), Cancellation)
    except RecordDamaged:
        return Cancellation(requested_at=request.created_at)


def has_ended(store: Store, ref: JobRef) -> bool:
    """Return whether the job has its manifest. Costs one HEAD."""
    return store.head(keys.job_manifest(ref)) is not None


def is_cancelled(store: Store, ref: JobRef) -> bool:
    """Return whether the job is cancelled. Costs one HEAD: cheap enough between micro-batches."""
    return store.head(keys.job_cancel(ref)) is not None


def is_deleted(store: Store, ref: JobRef) -> bool:
    """Return whether the job is deleted or being deleted. A worker then stops and writes no more objects."""
    return store.head(keys.job_tombstone(ref)) is not None


def finish(store: Store, ledger: Ledger, ref: JobRef, manifest: T) -> T:
    """End a job: store the manifest, publish the status, delete scratch files, plan a sweep.

    Returns the stored manifest.
    """
    has_webhooks = note_end(store, ref)  # first: then no end is missed
    stored = create(store, keys.job_manifest(ref), manifest)
    ledger.publish_status(ref, JobStatus(stored.status))
    with suppress(redis.RedisError):  # then they are found a little later
        Attention(ledger).wake_followers(ref)
        if has_webhooks:
            wake(ledger, ref.tenant)
    clear_scratch(store, ref)
    plan_sweep(ledger, keys.job_prefix(ref), is_over=True)
    return stored


def clear_scratch(store: Store, ref: JobRef) -> None:
    """Delete the job's scratch files."""
    for info in list(store.list(keys.job_scratch(ref))):
        store.delete(info.key)


def ended_without_result(
    manifest: type[T],
    status: TerminalStatus,
    started_at: datetime | None,
    error: JobError | None = None,
) -> T:
    """Return the manifest of a job that was cancelled or failed."""
    return manifest(status=status, started_at=started_at, finished_at=now(), error=error)


def read_all(store: Store, stored_keys: Iterable[str], model: type[M]) -> list[M | None]:
    """Return many stored values in order, read at the same time: one after another, a bucket would take minutes."""
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        return list(pool.map(lambda key: read(store, key, model), stored_keys))


def read_all_intact(store: Store, stored_keys: Iterable[str], model: type[M]) -> list[M | None]:
    """Return many stored values in order, read at the same time; None for a missing or damaged one."""
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        return list(pool.map(lambda key: read_intact(store, key, model), stored_keys))


def finished_shards(store: Store, batch: JobRef) -> set[int]:
    """Return the indices of the rendered shards of a batch. Lists their records without reading them."""
    return {keys.parse_shard_record(key) for key in _shard_record_keys(store, batch)}


def delete_objects(store: Store, prefix: str, *, tombstone_key: str, first: str) -> None:
    """Write a tombstone, then delete every other object below `prefix`. Safe to repeat.

    `first` is the object that makes the resource exist, such as its request. It is deleted first, so a reader never
    sees a partly deleted resource, even when the process ends in between.

    Works on a full disk: without space for a tombstone, `first` is renamed to it. A rename is atomic and needs no
    space. The tombstone gets its real content as soon as there is space.
    """
    tombstone = Tombstone(deleted_at=now())
    is_marked = _mark(store, tombstone_key, tombstone, first)
    store.delete(first)
    for info in list(store.list(prefix)):
        if info.key != tombstone_key:
            store.delete(info.key)
    store.discard_unfinished(prefix)
    if not is_marked:
        # Another process may have filled the disk again. The renamed object still marks the deletion.
        with suppress(StoreUnavailable):
            write(store, tombstone_key, tombstone)


def _mark(store: Store, tombstone_key: str, tombstone: Tombstone, first: str) -> bool:
    """Write a tombstone. Returns False when it does not have its real content yet.

    Raises `StoreUnavailable` when the store can neither write nor rename.
    """
    try:
        if store.create(tombstone_key, _encode(tombstone)):
            return True
        return read(store, tombstone_key, Tombstone) is not None
    except RecordDamaged:
        # An earlier delete on a full disk, or an interrupted one, renamed the request to it.
        return False
    except StoreUnavailable:
        if store.head(tombstone_key) is None:
            with suppress(FileNotFoundError):  # already deleted: the next deletes free space
                store.rename(first, tombstone_key)
        return False


def rebuild_index(store: Store, ledger: Ledger, tenant: str, noun: keys.Noun) -> None:
    """Fill the listing index of one noun from the store, after Redis has lost it."""
    ledger.index_fill(tenant, noun, store.children(keys.noun_prefix(tenant, noun)))


def _shard_record_keys(store: Store, batch: JobRef) -> Iterator[str]:
    infos = store.list(keys.shards_prefix(batch))
    return (info.key for info in infos if info.key.endswith(".json"))


def _encode(value: Model) -> bytes:
    return value.model_dump_json(indent=1).encode()
