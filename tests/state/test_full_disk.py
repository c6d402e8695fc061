"""A delete works on a full disk: it frees space, and a deleted job stays deleted."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from contracts.batches import BatchManifest, BatchRequest
from contracts.errors.tree import StoreUnavailable
from contracts.jobs import JobRef, JobStatus, Tombstone
from contracts.kinds import Kinds
from state import keys, records
from state.settings import Settings
from state.store import ObjectInfo, Store


class FullStore(Store):
    """A memory store that refuses every write while it is full."""

    is_full = False

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        self._check()
        super().put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        self._check()
        return super().create(key, data)

    def _check(self) -> None:
        if FullStore.is_full:
            raise StoreUnavailable("No space left on device.")


class DyingStore(FullStore):
    """A full store whose process ends after the tombstone is written, when it lists the objects to delete."""

    is_dying = True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        if DyingStore.is_dying:
            raise InterruptedError
        return super().list(prefix)


@pytest.fixture(autouse=True)
def not_full() -> Iterator[None]:
    """Start each test with stores that have space."""
    FullStore.is_full, DyingStore.is_dying = False, True
    yield
    FullStore.is_full = False


def add_finished(store: Store, request: BatchRequest) -> JobRef:
    """Add a job that has ended and has a large object. Returns its reference."""
    records.write(store, keys.job_request(request.ref), request)
    store.put(keys.shard_tar(request.ref, 0, "0" * 64), bytes(100_000))
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.write(store, keys.job_manifest(request.ref), ended)
    return request.ref


def delete(store: Store, ref: JobRef) -> None:
    """Delete a job as the app does."""
    records.delete_objects(
        store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )


def remaining_keys(store: Store, ref: JobRef) -> list[str]:
    """Return the keys below a job."""
    return [info.key for info in store.list(keys.job_prefix(ref))]


def test_a_delete_needs_no_space(batch_request: BatchRequest) -> None:
    """Only the tombstone stays. Once there is space, it gets its content."""
    store = FullStore.in_memory()
    ref = add_finished(store, batch_request)
    FullStore.is_full = True
    for _ in range(2):
        delete(store, ref)
    assert remaining_keys(store, ref) == [keys.job_tombstone(ref)]
    assert records.is_deleted(store, ref)
    FullStore.is_full = False
    delete(store, ref)
    assert records.read(store, keys.job_tombstone(ref), Tombstone) is not None


def test_an_interrupted_delete_counts_as_a_delete(batch_request: BatchRequest) -> None:
    """When the process ends before the first large object is deleted, readers find no part of the job."""
    store = DyingStore.in_memory()
    ref = add_finished(store, batch_request)
    FullStore.is_full = True
    with pytest.raises(InterruptedError):
        delete(store, ref)
    assert records.is_deleted(store, ref)
    assert records.read_job(store, Kinds(), ref) is None
    DyingStore.is_dying = False
    delete(store, ref)
    assert remaining_keys(store, ref) == [keys.job_tombstone(ref)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 KiB. Returns its folder."""
    with mounted(tmp_path / "disk", "256k") as folder:
        yield folder


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system of a size at a new folder. Skips the test without the right to do so."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until the disk has no space for another byte."""
    with path.open("wb", 0) as filler, suppress(OSError):
        while filler.write(bytes(1024)):
            pass


def test_a_delete_frees_space_on_a_real_full_disk(
    small_disk: Path, batch_request: BatchRequest
) -> None:
    """The disk has no free byte before the delete; afterwards the store takes objects again."""
    store = Store.from_settings(Settings(store_url=(small_disk / "store").as_uri()))
    ref = add_finished(store, batch_request)
    fill(small_disk / "filler")
    with pytest.raises(StoreUnavailable):
        store.put("more", bytes(8192))
    delete(store, ref)
    assert remaining_keys(store, ref) == [keys.job_tombstone(ref)]
    assert records.read(store, keys.job_tombstone(ref), Tombstone) is not None
    store.put("more", bytes(8192))
