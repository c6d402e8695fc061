"""Deleting works on a full disk: it makes room, and what was deleted never comes back."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
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
    """A memory store that takes nothing while it is full."""

    is_full = False

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        self._check()
        super().put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        self._check()
        return super().create(key, data)

    def _check(self) -> None:
        if FullStore.is_full:
            raise StoreUnavailable("There is no space left on the device.")


class DyingStore(FullStore):
    """One whose process ends when it has marked a thing as deleted and looks for its objects."""

    is_dying = True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        if DyingStore.is_dying:
            raise InterruptedError
        return super().list(prefix)


@pytest.fixture(autouse=True)
def not_full() -> Iterator[None]:
    """Stores are not full before a test says so."""
    FullStore.is_full, DyingStore.is_dying = False, True
    yield
    FullStore.is_full = False


def add_finished(store: Store, request: BatchRequest) -> JobRef:
    """A job that has ended, with a large object."""
    records.write(store, keys.job_request(request.ref), request)
    store.put(keys.shard_tar(request.ref, 0, "0" * 64), bytes(100_000))
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.write(store, keys.job_manifest(request.ref), ended)
    return request.ref


def delete(store: Store, ref: JobRef) -> None:
    """Deletes a job as the app does."""
    records.delete_objects(
        store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )


def left(store: Store, ref: JobRef) -> list[str]:
    """The keys below a job."""
    return [found.key for found in store.list(keys.job_prefix(ref))]


def test_a_delete_needs_no_room(batch_request: BatchRequest) -> None:
    """Everything goes, the mark stays; with room again it gets its text."""
    store = FullStore.in_memory()
    ref = add_finished(store, batch_request)
    FullStore.is_full = True
    for _ in range(2):
        delete(store, ref)
    assert left(store, ref) == [keys.job_tombstone(ref)]
    assert records.is_deleted(store, ref)
    FullStore.is_full = False
    delete(store, ref)
    assert records.read(store, keys.job_tombstone(ref), Tombstone) is not None


def test_a_delete_that_is_interrupted_is_a_delete(batch_request: BatchRequest) -> None:
    """The process ends before the first large object is gone: the job is marked, and no half of it is seen."""
    store = DyingStore.in_memory()
    ref = add_finished(store, batch_request)
    FullStore.is_full = True
    with pytest.raises(InterruptedError):
        delete(store, ref)
    assert records.is_deleted(store, ref)
    assert records.read_job(store, Kinds(), ref) is None
    DyingStore.is_dying = False
    delete(store, ref)
    assert left(store, ref) == [keys.job_tombstone(ref)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Writes until there is no room for another byte."""
    with path.open("wb", 0) as filler, suppress(OSError):
        while filler.write(bytes(1024)):
            pass


def test_a_delete_makes_room_on_a_real_full_disk(
    small_disk: Path, batch_request: BatchRequest
) -> None:
    """Not a byte is left; afterwards the store takes objects again."""
    store = Store.from_settings(Settings(store_url=(small_disk / "store").as_uri()))
    ref = add_finished(store, batch_request)
    fill(small_disk / "filler")
    with pytest.raises(StoreUnavailable):
        store.put("more", bytes(8192))
    delete(store, ref)
    assert left(store, ref) == [keys.job_tombstone(ref)]
    assert records.read(store, keys.job_tombstone(ref), Tombstone) is not None
    store.put("more", bytes(8192))
