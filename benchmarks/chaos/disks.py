"""A small disk for the store, which can be full or read-only: a tmpfs, because root ignores the mode of a folder.

Only root of Linux can mount one. Otherwise the store is in a plain folder, and these faults are left out.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC, EROFS
from pathlib import Path

BALLAST = "ballast"
BUSY_SECONDS = 3.0
"""How long a disk may refuse to become read-only: it does so while a file is open for writing."""


@dataclass(frozen=True)
class Disk:
    """The folder of a store, and whether it is a separate disk."""

    folder: Path
    is_mounted: bool

    def fill(self) -> bool:
        """Take all free space with a file beside the store. Returns False on a disk that is read-only now."""
        try:
            opened = (self.folder / BALLAST).open("ab")
        except OSError as error:
            if error.errno != EROFS:
                raise
            return False
        with opened as ballast:
            while (free := self.free_bytes()) > 0:
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), free)
                except OSError as error:  # another process was faster
                    if error.errno != ENOSPC:
                        raise
        return True

    def free(self) -> None:
        """Give the space back, if the disk was filled."""
        ballast = self.folder / BALLAST
        if ballast.exists():  # a read-only disk refuses also to remove a missing file
            ballast.unlink()

    def make_read_only(self) -> bool:
        """Refuse all writes, also those of root. Returns False if a file stayed open for writing, or on a full disk.

        A full disk that is read-only could not be freed when that fault ends.
        """
        if (self.folder / BALLAST).exists():
            return False
        deadline = time.monotonic() + BUSY_SECONDS
        while not self._remount("ro"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def make_writable(self) -> None:
        """Accept writes again."""
        self._remount("rw")

    def free_bytes(self) -> int:
        """Return what other files may still take."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def _remount(self, mode: str) -> bool:
        command = ["mount", "-o", f"remount,{mode}", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path, num_bytes: int) -> Iterator[Disk]:
    """Yield a disk of `num_bytes` at `folder`, or the folder if this user cannot mount one."""
    folder.mkdir(parents=True)
    options = f"size={num_bytes},mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder, is_mounted)
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - no shell
