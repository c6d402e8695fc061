"""Temporary folders for uploads that are being decoded or converted, one for each upload.

A killed process leaves its folder behind; `sweep` deletes such folders when the next process starts.
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

_PREFIX = "handsoff-upload-"  # specific, so that no other folder is ever swept
_ABANDONED = timedelta(hours=6)  # far longer than decoding, converting and storing can take


def make_spool_folder() -> Path:
    """Return a new folder in the system's temporary folder. The caller deletes it."""
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


@contextmanager
def spool_folder() -> Iterator[Path]:
    """Yield a new folder in the system's temporary folder, and delete it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        yield Path(name)


def sweep(parent: Path | None = None) -> None:
    """Delete the folders of uploads that are older than any upload can take, also those of other processes."""
    oldest_kept = (now() - _ABANDONED).timestamp()
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process sweeps at the same moment
            if folder.lstat().st_mtime < oldest_kept:
                log.info("deleted an abandoned upload", folder=str(folder))
                shutil.rmtree(folder, ignore_errors=True)
