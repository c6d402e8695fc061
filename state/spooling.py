"""Temporary folders for uploads while they are decoded or converted, one for each upload.

A killed process leaves its folder behind. `sweep` removes such folders when the next process starts.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog

from contracts.base import now

log = structlog.get_logger()

_PREFIX = "handsoff-upload-"  # so specific that no other folder matches
_ABANDONED = timedelta(
    hours=6
)  # far longer than decoding, converting and storing may take together


def make_spool_folder() -> Path:
    """Make a folder in the system's folder for temporary files. The caller removes it."""
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


@contextmanager
def spool_folder() -> Iterator[Path]:
    """Yield a new folder in the system's folder for temporary files, and remove it after the block."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        yield Path(name)


def sweep(parent: Path | None = None) -> None:
    """Remove the folders of uploads that are too old to be in use, also those of other processes."""
    oldest = (now() - _ABANDONED).timestamp()
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process sweeps at the same time
            if folder.lstat().st_mtime < oldest:
                log.info("an abandoned upload is removed", folder=str(folder))
                shutil.rmtree(folder, ignore_errors=True)
