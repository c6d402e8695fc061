"""Only this user may read the files of the service, with any umask; stores of earlier versions keep working."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.settings import Settings
from state.spooling import spool_folder
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
