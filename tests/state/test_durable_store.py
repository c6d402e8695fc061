"""A `file://` store writes to the disk before it reports success."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from contracts.batches import BatchRequest
from state import keys, records
from state.settings import Settings
from state.store import Store

KEY = "tenants/default/fits/fit_1/manifest.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of the store."""
    return tmp_path / "store"


@pytest.fixture
def disk(folder: Path) -> Store:
    """Return an empty store in a folder."""
    return Store.from_settings(Settings(store_url=folder.as_uri()))


@contextmanager
def syncs(root: Path) -> Iterator[list[str]]:
    """Yield the paths below `root` that the block syncs, as the interpreter calls `fsync`."""
    synced: list[str] = []

    def watch(frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and function is os.fsync:
            path = Path(f"/proc/self/fd/{frame.f_locals['handle']}").readlink()
            synced.append(path.relative_to(root).as_posix())

    sys.setprofile(watch)
    try:
        yield synced
    finally:
        sys.setprofile(None)


def send(store: Store, key: str, data: bytes) -> None:
    """Write an object in parts."""
    with store.sending(key) as target:
        target.write(data)


@pytest.mark.parametrize("write", [Store.put, Store.create, send])
def test_a_write_is_synced(
    disk: Store, folder: Path, write: Callable[[Store, str, bytes], object]
) -> None:
    """The file, its name, and the names of all new folders."""
    with syncs(folder) as synced:
        write(disk, KEY, b"{}")
    assert synced[0] == KEY
    parents = [path.as_posix() for path in Path(KEY).parents]
    assert sorted(synced[1:]) == sorted(parents)


def test_a_second_write_syncs_only_its_folder(disk: Store, folder: Path) -> None:
    """The other folders are not new, so their names are on the disk."""
    disk.put(KEY, b"{}")
    with syncs(folder) as synced:
        disk.put(KEY, b"{}")
    assert synced == [KEY, Path(KEY).parent.as_posix()]


def test_a_rename_is_synced(disk: Store, folder: Path) -> None:
    """It marks a deletion on a full disk."""
    disk.put(KEY, b"{}")
    with syncs(folder) as synced:
        disk.rename(KEY, f"{KEY}.old")
    assert Path(KEY).parent.as_posix() in synced


@pytest.mark.parametrize("torn", [b"", b'{"status": "succ', b"\0" * 64])
def test_a_torn_record_is_replaced(disk: Store, batch_request: BatchRequest, torn: bytes) -> None:
    """A write that never was reported must not block the job for ever as its first record."""
    key = keys.job_request(batch_request.ref)
    disk.put(key, torn)
    assert records.create(disk, key, batch_request) == batch_request
    assert records.read(disk, key, BatchRequest) == batch_request
