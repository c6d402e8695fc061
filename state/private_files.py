"""Makes folders and files that only this user may read: uploads, weights and logs.

The umask of a process may be any (022 on most machines), so the code that makes a file sets its mode.
"""

import os
from contextlib import suppress
from pathlib import Path

PRIVATE_UMASK = 0o077
"""The umask of each of our processes."""

_FOLDER_MODE = 0o700


def keep_files_private() -> None:
    """Set the umask of this process: its spooled uploads, logs and heartbeat files are private."""
    os.umask(PRIVATE_UMASK)


def make_private(folder: Path) -> None:
    """Make a folder that only this user may enter. An existing folder gets these permissions too.

    A folder of another user is left unchanged: its owner decides who may enter.
    """
    make_private_parents(folder / "any", folder.parent)
    with suppress(PermissionError):
        if folder.stat().st_mode & 0o777 != _FOLDER_MODE:
            folder.chmod(_FOLDER_MODE)


def make_private_parents(path: Path, root: Path) -> None:
    """Make the missing folders between `root` and `path`. `root` itself gets the usual mode."""
    missing = []
    for folder in path.parents:
        if folder == root or folder.is_dir():
            break
        missing.append(folder)
    root.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        folder.mkdir(_FOLDER_MODE, exist_ok=True)
