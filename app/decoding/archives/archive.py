"""Unpacks an untrusted zip or tar: regular files only, every name checked, bytes counted while they are read.

Sizes in headers are not trusted; only unpacked bytes count.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.decoding.archives.names import check_name, is_system_file
from app.decoding.archives.tars import tar_entries
from app.decoding.archives.zips import ZIP_MAGIC, zip_entries
from app.decoding.protocol import DecodeLimits
from app.decoding.refusal import Refused, reading, refusing
from contracts.schemas import normalized

_CHUNK_BYTES = 256 * 1024
# A tiny archive of a few flat images may exceed the ratio, so the limit is never below 64 KiB times the ratio.
_RATIO_FLOOR_BYTES = 64 * 1024


def unpack(archive: Path, into: Path, limits: DecodeLimits) -> dict[str, Path]:
    """Write every file of the archive below `into` under generated names; return the paths by name.

    Raises `Refused` at the first entry that is not a regular file with a plain name, or if a limit is exceeded.
    """
    into.mkdir()
    budget = _Budget(limits, archive.stat().st_size)
    unpacked: dict[str, Path] = {}
    with refusing(
        None,
        on_memory="Reading the archive's directory takes more memory than is allowed. Send fewer files.",
        on_damage="The archive is damaged ({reason}). Create it again as a plain zip or tar.",
    ):
        for name, content in _entries(archive, limits, budget):
            check_name(name)
            if name in unpacked:
                raise Refused(
                    name, "Expected different file names, got this one twice. Keep one of them."
                )
            # Generated names, so that no name of the archive reaches the file system.
            unpacked[name] = into / f"{len(unpacked):06d}"
            with reading(name, "an entry of the archive"):
                _write(name, content, unpacked[name], budget)
    return unpacked


class _Budget:
    """The bytes that may still be unpacked: an absolute limit, and a ratio to the archive's size."""

    def __init__(self, limits: DecodeLimits, num_archive_bytes: int) -> None:
        by_ratio = limits.max_archive_ratio * max(num_archive_bytes, _RATIO_FLOOR_BYTES)
        self.total = min(limits.max_archive_bytes, by_ratio)
        self.left = self.total

    def take(self, name: str, num_bytes: int) -> None:
        self.left -= num_bytes
        if self.left < 0:
            raise Refused(
                name,
                f"Expected an archive that unpacks to at most {self.total} bytes, the limit for its size, got more."
                " Send fewer or smaller images.",
            )


def _entries(
    archive: Path, limits: DecodeLimits, budget: _Budget
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield every file by its normalized name, without folders and system files."""
    with archive.open("rb") as file:
        # The content decides, not the name: the form field has no reliable suffix.
        is_zip = file.read(4) in ZIP_MAGIC
    max_entries = limits.max_archive_entries
    entries = zip_entries(archive, max_entries) if is_zip else tar_entries(archive, budget.total)
    for number, (name, content) in enumerate(entries, start=1):
        if number > max_entries:
            detail = f"Expected at most {max_entries} entries in the archive, got more. Send fewer files."
            raise Refused(None, detail)
        if content is not None and not is_system_file(name):
            yield normalized(name), content


def _write(name: str, content: IO[bytes], path: Path, budget: _Budget) -> None:
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            # Charged before it is written, so that the disk never holds more than the limit.
            budget.take(name, len(chunk))
            file.write(chunk)
