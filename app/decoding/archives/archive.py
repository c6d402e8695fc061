"""Unpacks a zip or tar that nobody trusts: plain files only, counted while they are read, every name checked.

Headers are never believed: sizes are those of the bytes that come out.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.decoding.archives.names import check_name, composed, is_litter
from app.decoding.archives.tars import tar_entries
from app.decoding.archives.zips import ZIP_MAGIC, zip_entries
from app.decoding.protocol import DecodeLimits
from app.decoding.refusal import Refused, reading, reason

_CHUNK_BYTES = 256 * 1024
_RATIO_FLOOR_BYTES = 64 * 1024


def unpack(archive: Path, into: Path, limits: DecodeLimits) -> dict[str, Path]:
    """Writes every file of the archive below `into`, under names of its own; returns name => path.

    Raises `Refused` at the first entry that is not a plain file with a plain name, or when a limit is passed.
    """
    into.mkdir()
    budget = _Budget(limits, archive.stat().st_size)
    unpacked: dict[str, Path] = {}
    with _intact():
        for name, content in _entries(archive, limits, budget):
            check_name(name)
            if name in unpacked:
                raise Refused(name, "This name is in the archive twice. Keep one of them.")
            unpacked[name] = into / f"{len(unpacked):06d}"
            with reading(name, "an entry of the archive"):
                _write(name, content, unpacked[name], budget)
    return unpacked


class _Budget:
    """How many bytes may still come out: an absolute limit, and a ratio to what was sent."""

    def __init__(self, limits: DecodeLimits, num_archive_bytes: int) -> None:
        by_ratio = limits.max_archive_ratio * max(num_archive_bytes, _RATIO_FLOOR_BYTES)
        self.total = min(limits.max_archive_bytes, by_ratio)
        self.left = self.total

    def take(self, name: str, num_bytes: int) -> None:
        self.left -= num_bytes
        if self.left < 0:
            raise Refused(
                name,
                f"With this file the archive unpacks to more than {self.total} bytes, the most that is allowed for"
                " its size. Send fewer or smaller images.",
            )


@contextmanager
def _intact() -> Iterator[None]:
    """Turn what the archive libraries raise outside an entry's content into a refusal of the archive."""
    try:
        yield
    except Refused:
        raise
    except MemoryError as error:
        detail = (
            "Reading the archive's directory takes more memory than is allowed. Send fewer files."
        )
        raise Refused(None, detail) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # the server's disk is full: the archive may be sound
        detail = f"The archive is damaged ({reason(error)}). Make it again as a plain zip or tar."
        raise Refused(None, detail) from error


def _entries(
    archive: Path, limits: DecodeLimits, budget: _Budget
) -> Iterator[tuple[str, IO[bytes]]]:
    """Every file by its composed name, without folders and litter."""
    with archive.open("rb") as file:
        is_zip = file.read(4) in ZIP_MAGIC
    most = limits.max_archive_entries
    entries = zip_entries(archive, most) if is_zip else tar_entries(archive, budget.total)
    for number, (name, content) in enumerate(entries, start=1):
        if number > most:
            raise Refused(None, f"The archive has more than {most} entries. Send fewer files.")
        if content is not None and not is_litter(name):
            yield composed(name), content


def _write(name: str, content: IO[bytes], path: Path, budget: _Budget) -> None:
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            budget.take(name, len(chunk))
            file.write(chunk)
