"""A cache of shards on disk, by digest. All processes of a machine share it: each shard is downloaded once."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CACHE_VARIABLE = "HANDSOFF_CACHE"


def default_folder() -> Path:
    """Return `HANDSOFF_CACHE`, else `handsoff` in the cache folder of the system (`XDG_CACHE_HOME`, `~/.cache`)."""
    folder = os.environ.get(CACHE_VARIABLE)
    if folder:
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handsoff"


class ShardCache:
    """A folder of shards for all processes of a machine.

    With `max_bytes`, the least recently used shards are deleted. A process that has such a shard open can still read it
    (the file exists until it is closed), and downloads it again for the next use.
    """

    def __init__(self, folder: Path | str | None = None, *, max_bytes: int | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_folder()
        self.max_bytes = max_bytes

    def path(self, sha256: str, fetch: Callable[[Path], Path]) -> Path:
        """Return the path of the shard with this digest. If it is missing, `fetch` writes it to the path it gets."""
        target = self._target(sha256)
        if not target.exists():
            with self._locked(sha256):
                fetch(target)
            self._evict(target)
        _touch(target)
        return target

    def assign(self, name: str, sha256: str) -> None:
        """Give a shard a name, so that `find` needs no request for its digest. The name is deleted with its shard."""
        path = self.folder / "names" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not in names/: another process deletes files there whose shard does not exist.
        draft = self.folder / f"{name}.{uuid.uuid4().hex}"
        draft.write_text(sha256)
        draft.replace(path)

    def find(self, name: str) -> Path | None:
        """Return the path of the shard with this name; None when it is not in the cache."""
        try:
            target = self._target((self.folder / "names" / name).read_text())
        except FileNotFoundError:
            return None
        return target if _touch(target) else None

    def _target(self, sha256: str) -> Path:
        return self.folder / "shards" / f"{sha256}.tar"

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold the lock of a shard against other processes. Windows has no lock: use one process at a time there."""
        path = self.folder / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as lock:
            if sys.platform != "win32":
                import fcntl  # noqa: PLC0415 - missing on Windows

                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _evict(self, newest: Path) -> None:
        """Delete the least recently used shards except the newest until `max_bytes` is satisfied."""
        if self.max_bytes is None:
            return
        shards = [(path, path.stat()) for path in newest.parent.glob("*.tar") if path != newest]
        total = newest.stat().st_size + sum(info.st_size for _, info in shards)
        for path, info in sorted(shards, key=lambda pair: pair[1].st_mtime):
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= info.st_size
        self._delete_stale_names()

    def _delete_stale_names(self) -> None:
        """Delete the names of deleted shards: an endless stream would collect endlessly many."""
        for name in (self.folder / "names").glob("*"):
            with suppress(FileNotFoundError):  # another process may do the same
                if not self._target(name.read_text()).exists():
                    name.unlink()


def _touch(path: Path) -> bool:
    """Mark a shard as used now. Return False when it is missing: another process may have evicted it."""
    try:
        os.utime(path, ns=(time.time_ns(), time.time_ns()))
    except FileNotFoundError:
        return False
    return True
