"""The records of a batch's shards in its manifest, or in pages beside it: a manifest is read with every poll."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from contracts.batches import (
    SHARDS_PER_PAGE,
    BatchManifest,
    BatchRequest,
    BatchTotals,
    ShardPage,
    ShardPageRef,
    ShardRecord,
)
from contracts.digests import sha256_of
from contracts.errors.tree import RecordDamaged
from contracts.jobs import JobStatus
from state import keys, records
from state.store import Store

PAGE_TYPE = "application/json"


def store_pages(
    store: Store, request: BatchRequest, *, on_page: Callable[[], object] = lambda: None
) -> BatchManifest | None:
    """Return the manifest of a batch whose shards all have their record, with its pages stored; else None.

    Never has more than one page in memory. `on_page` is called after each.
    """
    totals, pages = BatchTotals(request), list[ShardPageRef]()
    for first in range(0, request.num_shards, SHARDS_PER_PAGE):
        indices = range(first, min(first + SHARDS_PER_PAGE, request.num_shards))
        shards = _read(store, request, indices)
        if shards is None:
            return None
        for shard in shards:
            totals.add(shard)
        if request.num_shards <= SHARDS_PER_PAGE:
            return totals.manifest(shards=shards)
        pages.append(_store(store, request, ShardPage(shards=shards)))
        on_page()
    return totals.manifest(pages=tuple(pages))


def store_finished(store: Store, request: BatchRequest, ended: BatchManifest) -> BatchManifest:
    """Return the manifest of a batch that failed or was cancelled, with its finished shards; their pages are stored.

    Damaged records are left out.
    """
    totals, pages, shards = BatchTotals(request), list[ShardPageRef](), list[ShardRecord]()
    indices = sorted(records.finished_shards(store, request.ref))
    for first in range(0, len(indices), SHARDS_PER_PAGE):
        for shard in _read_intact(store, request, indices[first : first + SHARDS_PER_PAGE]):
            totals.add(shard)
            if len(shards) == SHARDS_PER_PAGE:
                pages.append(_store(store, request, ShardPage(shards=tuple(shards))))
                shards.clear()
            shards.append(shard)
    if pages:
        pages.append(_store(store, request, ShardPage(shards=tuple(shards))))
        shards.clear()
    return totals.added_to(ended, shards=tuple(shards), pages=tuple(pages))


def place_after(store: Store, manifest: BatchManifest, index: int) -> int:
    """Return the place of the first shard after an index. Only a batch that did not succeed has gaps."""
    if manifest.status is JobStatus.SUCCEEDED:
        return index + 1

    def index_at(place: int) -> int:
        return next(shards_of(store, manifest, place, place + 1)).index

    return bisect_right(range(manifest.num_shards), index, key=index_at)


def shards_of(
    store: Store, manifest: BatchManifest, start: int = 0, stop: int | None = None
) -> Iterator[ShardRecord]:
    """Yield the records of the shards from `start` to before `stop`, which is the end by default.

    Reads only the pages of these shards. Raises `RecordDamaged` when one is gone.
    """
    if not manifest.pages:
        yield from manifest.shards[start:stop]
        return
    stop = manifest.num_shards if stop is None else stop
    for number in range(start // SHARDS_PER_PAGE, len(manifest.pages)):
        first = number * SHARDS_PER_PAGE
        if first >= stop:
            return
        key = manifest.pages[number].key
        page = records.read(store, key, ShardPage)
        if page is None:
            raise RecordDamaged(key, is_torn=False)
        yield from page.shards[max(0, start - first) : stop - first]


def _read(store: Store, request: BatchRequest, indices: range) -> tuple[ShardRecord, ...] | None:
    stored_keys = [keys.shard_record(request.ref, index) for index in indices]
    stored = records.read_all(store, stored_keys, ShardRecord)
    shards = tuple(record for record in stored if record is not None)
    return shards if len(shards) == len(stored) else None


def _read_intact(store: Store, request: BatchRequest, indices: Sequence[int]) -> list[ShardRecord]:
    with ThreadPoolExecutor(records.READ_AT_ONCE) as pool:
        stored = pool.map(
            lambda index: records.read_intact(
                store, keys.shard_record(request.ref, index), ShardRecord
            ),
            indices,
        )
        return [record for record in stored if record is not None]


def _store(store: Store, request: BatchRequest, page: ShardPage) -> ShardPageRef:
    data = page.model_dump_json().encode()
    sha256 = sha256_of(data)
    key = keys.batch_file(request.ref, "pages", sha256)
    store.put(key, data)
    return ShardPageRef(
        key=key,
        sha256=sha256,
        num_bytes=len(data),
        media_type=PAGE_TYPE,
        num_shards=len(page.shards),
    )
