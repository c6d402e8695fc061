"""What a killed process was writing to a folder is deleted, at once with its job or by age."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest
from contracts.jobs import JobStatus
from state import keys, records
from state.settings import Settings
from state.store import Store

TAR = "tenants/default/batches/b/shards/000000/x.tar"

KILLED_WRITER = """
import os, signal, sys
from state.settings import Settings
from state.store import Store

store = Store.from_settings(Settings(store_url=sys.argv[1]))
with store.sending(sys.argv[2]) as target:
    for _ in range(40):
        target.write(bytes(1 << 20))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store in a folder."""
    return Store.from_settings(Settings(store_url=tmp_path.as_uri()))


def kill_a_writer(store: Store, key: str) -> Path:
    """Let a process write 40 MiB of an object and kill it. Return the file that it leaves."""
    assert store.folder is not None
    command = [sys.executable, "-c", KILLED_WRITER, store.folder.as_uri(), key]
    assert subprocess.run(command, check=False).returncode == -9
    (left,) = (store.folder / key).parent.iterdir()
    return left


def files_below(folder: Path) -> list[Path]:
    """Return all files and folders below a folder."""
    return sorted(folder.rglob("*"))


def test_a_killed_writer_leaves_a_file_that_no_list_shows(store: Store) -> None:
    """Only the folder itself shows it."""
    left = kill_a_writer(store, TAR)
    assert left.name == "x.tar#1"
    assert left.stat().st_size > 0
    assert list(store.list("")) == []


def test_it_is_deleted_with_its_folders(store: Store, tmp_path: Path) -> None:
    """Nothing remains below the prefix, and no empty folder."""
    kill_a_writer(store, TAR)
    assert store.discard_unfinished("tenants/default/batches/b") == 0
    assert files_below(tmp_path / "tenants/default/batches") == []


def test_what_was_written_lately_is_kept(store: Store) -> None:
    """A live process may still be writing it. The answer says that something remains."""
    left = kill_a_writer(store, TAR)
    assert store.discard_unfinished("tenants", now() - timedelta(minutes=5)) == 1
    assert left.exists()
    assert store.discard_unfinished("tenants", now() + timedelta(minutes=5)) == 0
    assert not left.exists()


def test_objects_are_kept(store: Store) -> None:
    """Only staging files are deleted; a bucket or a store in memory has none."""
    for each in (store, Store.in_memory()):
        each.put(TAR, b"whole")
        assert each.discard_unfinished("tenants") == 0
        assert each.get(TAR) == b"whole"


def test_a_delete_leaves_the_tombstone_alone(store: Store, batch_request: BatchRequest) -> None:
    """Neither the file of a killed worker nor an empty folder survives the deletion of its batch."""
    ref = batch_request.ref
    records.write(store, keys.job_request(ref), batch_request)
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.write(store, keys.job_manifest(ref), ended)
    kill_a_writer(store, keys.shard_tar(ref, 0, "x"))
    store.put(keys.shard_tar(ref, 1, "y"), b"whole")
    records.delete_objects(
        store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )
    assert store.folder is not None
    assert files_below(store.folder / keys.job_prefix(ref)) == [
        store.folder / keys.job_tombstone(ref)
    ]
