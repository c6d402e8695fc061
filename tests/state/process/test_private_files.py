"""Only this user may read the files of the service, with any umask; stores of earlier versions keep working.

A `file://` store writes to the disk before it reports success.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from contracts.batches import BatchRequest
from state import keys, records
from state.process.spooling import spool_folder
from state.settings import Settings
from state.store import Store


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set the umask of the process."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_store(folder: Path) -> Store:
    """Return the store in a folder."""
    return Store.from_settings(Settings(store_url=folder.as_uri()))


def modes(folder: Path) -> set[tuple[str, int]]:
    """Return the kinds and modes of a folder and of all files and folders in it."""
    paths = [folder, *folder.rglob("*")]
    return {
        ("folder" if path.is_dir() else "file", stat.S_IMODE(path.stat().st_mode)) for path in paths
    }


def test_a_store_is_private_with_any_umask(umask: int, tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, however an object is written."""
    store = open_store(tmp_path / "store")
    source = tmp_path / "source"
    source.write_bytes(b"x")
    store.put("tenants/default/a", b"x")
    store.put("tenants/default/b", source)
    store.create("tenants/default/c/d", b"x")
    with store.sending("tenants/default/e/f/g") as target:
        target.write(b"x")
    store.rename("tenants/default/a", "tenants/default/h")
    assert modes(tmp_path / "store") == {("folder", 0o700), ("file", 0o600)}


def test_a_store_of_an_earlier_version_is_made_private_and_keeps_working(tmp_path: Path) -> None:
    """Its folder was 0755 and its files 0644. The folder becomes 0700, so other users cannot enter it."""
    folder = tmp_path / "store"
    (folder / "tenants").mkdir(parents=True)
    for path in (folder, folder / "tenants"):
        path.chmod(0o755)
    (folder / "tenants" / "old").write_bytes(b"old")
    (folder / "tenants" / "old").chmod(0o644)
    store = open_store(folder)
    assert store.get("tenants/old") == b"old"
    store.put("tenants/old", b"new")
    assert store.get("tenants/old") == b"new"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_spooled_uploads_are_private(umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other users cannot enter the folder in which an upload is decoded or converted."""
    with tempfile.TemporaryDirectory() as parent:
        monkeypatch.setattr(tempfile, "tempdir", parent)
        with spool_folder() as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


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
