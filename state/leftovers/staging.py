"""Staging files of a `file://` store: what a killed process was writing.

obstore writes an object beside its final name (`shard.tar#1`) and renames it at the end. It never lists such a file and
cannot delete one. Nothing here concerns buckets: they keep the parts of an unfinished upload until a lifecycle rule
removes them.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

log = structlog.get_logger()

_STAGED = re.compile(r".+#[0-9]+")
"""obstore accepts no key that ends like this, so no object is mistaken for a staging file."""


def discard_staged(folder: Path, before: datetime | None = None) -> int:
    """Delete the staging files below a folder, then its empty folders and itself if it is empty.

    With `before`, only those that nothing was written to since. Returns how many others remain. Raises `OSError`.
    """
    num_kept = 0
    for path in _staged_below(folder):
        if _is_older(path, before):
            path.unlink(missing_ok=True)
            log.info("unfinished object deleted", path=str(path))
        else:
            num_kept += 1
    for name, _, _ in os.walk(folder, topdown=False):
        if _is_older(Path(name), before):
            with suppress(OSError):  # it is not empty
                Path(name).rmdir()
    return num_kept


def _staged_below(folder: Path) -> Iterator[Path]:
    for path, _, names in os.walk(folder):
        yield from (Path(path, name) for name in names if _STAGED.fullmatch(name))


def _is_older(path: Path, before: datetime | None) -> bool:
    with suppress(FileNotFoundError):
        return before is None or path.stat().st_mtime < before.timestamp()
    return True  # renamed or deleted meanwhile: nothing remains
