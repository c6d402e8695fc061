"""Shards on this machine's disk, by their digest: each is fetched once, whoever asks, and verified when it is."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CACHE_VARIABLE = "HANDSOFF_CACHE"


def default_folder() -> Path:
    """`HANDSOFF_CACHE`, else where this system's caches are (`XDG_CACHE_HOME`, `~/.cache`)."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handsoff"


class ShardCache:
    """A folder of shards that all processes of a machine share.

    With `max_bytes`, the shards that were used longest ago give way; a process that still reads one keeps its bytes
    (an open file outlives its name), and fetches it again when it needs it anew.
    """

    def __init__(self, folder: Path | str | None = None, *, max_bytes: int | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_folder()
        self.max_bytes = max_bytes

    def path(self, sha256: str, fetch: Callable[[Path], Path]) -> Path:
        """The shard of this digest; `fetch` puts it at the path that it is given, unless it is there already."""
        target = self._target(sha256)
        if not target.exists():
            with self._alone(sha256):
                fetch(target)
            self._make_room(target)
        _touch(target)
        return target

    def note(self, name: str, sha256: str) -> None:
        """Remembers what goes by a name, so that nobody need be asked again. A note ends with its shard."""
        path = self.folder / "names" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{name}.{uuid.uuid4().hex}")
        draft.write_text(sha256)
        draft.replace(path)

    def noted(self, name: str) -> Path | None:
        """The shard that was noted under a name, if it is still here."""
        try:
            target = self._target((self.folder / "names" / name).read_text())
        except FileNotFoundError:
            return None
        return target if _touch(target) else None

    def _target(self, sha256: str) -> Path:
        return self.folder / "shards" / f"{sha256}.tar"

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Who wants the same shard waits for the first. On Windows nobody does: there, one process at a time."""
        path = self.folder / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as lock:
            if sys.platform != "win32":
                import fcntl  # noqa: PLC0415 - not there on Windows

                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_room(self, newest: Path) -> None:
        if self.max_bytes is None:
            return
        found = [(path, path.stat()) for path in newest.parent.glob("*.tar") if path != newest]
        total = newest.stat().st_size + sum(info.st_size for _, info in found)
        for path, info in sorted(found, key=lambda pair: pair[1].st_mtime):
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= info.st_size
        self._forget_lost()

    def _forget_lost(self) -> None:
        """Removes the notes of shards that had to give way: a stream without an end would leave as many."""
        for note in (self.folder / "names").glob("*"):
            with suppress(FileNotFoundError):  # another process tidies as well
                if not self._target(note.read_text()).exists():
                    note.unlink()


def _touch(path: Path) -> bool:
    """Marks a shard as used now. False when it is not there: somebody made room for another at this moment."""
    try:
        os.utime(path, ns=(time.time_ns(), time.time_ns()))
    except FileNotFoundError:
        return False
    return True
