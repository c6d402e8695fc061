"""Folders and files that only this user may read: uploads, weights and logs.

The umask is the process's and may be anything (022 on most machines), so modes are set where files are made.
"""

import os
from contextlib import suppress
from pathlib import Path

PRIVATE_UMASK = 0o077
"""What each of our processes starts with."""

_FOLDER_MODE = 0o700


def keep_files_private() -> None:
    """Have this process make private files from now on: spooled uploads, logs, signs of life."""
    os.umask(PRIVATE_UMASK)


def make_private(folder: Path) -> None:
    """Make a folder that only this user may enter; one that others may enter is closed, with all that is in it.

    A folder of another user stays as it is: its owner decides who may enter.
    """
    make_private_parents(folder / "any", folder.parent)
    with suppress(PermissionError):
        if folder.stat().st_mode & 0o777 != _FOLDER_MODE:
            folder.chmod(_FOLDER_MODE)


def make_private_parents(path: Path, root: Path) -> None:
    """Make the folders between `root` and `path` that are not there. `root` itself is made with the usual mode."""
    missing = []
    for folder in path.parents:
        if folder == root or folder.is_dir():
            break
        missing.append(folder)
    root.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        folder.mkdir(_FOLDER_MODE, exist_ok=True)
