"""Where an upload lies on disk while it is decoded or converted: a folder of its own, removed with it.

A process that is killed leaves its folder behind; `sweep` removes such folders when the next process starts.
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

_PREFIX = "handsoff-upload-"  # so plain that no folder of another purpose is ever swept
_ABANDONED = timedelta(hours=6)  # far longer than decoding, converting and storing may take


def make_spool_folder() -> Path:
    """Make a folder in the system's place for temporary files; whoever makes one removes it."""
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


@contextmanager
def spool_folder() -> Iterator[Path]:
    """A fresh folder in the system's place for temporary files."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        yield Path(name)


def sweep(parent: Path | None = None) -> None:
    """Removes the folders of uploads that nobody can be working on any more, other processes' too."""
    oldest = (now() - _ABANDONED).timestamp()
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process sweeps at the same moment
            if folder.lstat().st_mtime < oldest:
                log.info("an abandoned upload is removed", folder=str(folder))
                shutil.rmtree(folder, ignore_errors=True)
