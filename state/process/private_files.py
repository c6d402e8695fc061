"""Folders and files that only this user may read: uploads, weights and logs.

The umask of a process may have any value (022 on most machines), so modes are set where files are made.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

PRIVATE_UMASK = 0o077
"""The umask that each process of this service sets at its start."""

_FOLDER_MODE = 0o700
_MAKE_ATTEMPTS = 10


def keep_files_private() -> None:
    """Set the umask of this process, so that new files are private: spooled uploads, logs, the alive file."""
    os.umask(PRIVATE_UMASK)


def make_private(folder: Path) -> None:
    """Make a folder that only this user may enter. An existing folder of this user gets mode 0700.

    A folder of another user does not change: its owner decides who may enter.
    """
    make_private_parents(folder / "any", folder.parent)
    with suppress(PermissionError):
        if folder.stat().st_mode & 0o777 != _FOLDER_MODE:
            folder.chmod(_FOLDER_MODE)


def make_private_parents(path: Path, root: Path) -> list[Path]:
    """Make the missing folders between `root` and `path`, with mode 0700. `root` is made with the default mode.

    Returns the new folders, which `sync` may write to the disk. Another process may delete an empty folder at the same
    moment; then they are made again.
    """
    missing: list[Path] = []
    for _ in range(_MAKE_ATTEMPTS):
        missing = [*takewhile(lambda folder: folder != root and not folder.is_dir(), path.parents)]
        root.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            for folder in reversed(missing):
                folder.mkdir(_FOLDER_MODE, exist_ok=True)
            break
    return missing


def sync(path: Path, new_folders: Iterable[Path] = ()) -> None:
    """Write a file or folder and its name to the disk (fsync), also the names of `new_folders`.

    Without it, a power failure in the next half minute leaves an empty file under the final name, or none. Does nothing
    if the file was deleted since. Raises `OSError`.
    """
    for each in dict.fromkeys((path, path.parent, *(folder.parent for folder in new_folders))):
        try:
            handle = os.open(each, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
