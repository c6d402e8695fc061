"""Unpacks a zip or tar that nobody trusts: plain files only, counted while they are read, every name checked.

Headers are never believed: sizes are those of the bytes that come out.
"""

import errno
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from app.decoding.protocol import DecodeLimits
from app.decoding.refusal import Refused

_CHUNK_BYTES = 256 * 1024
_RATIO_FLOOR_BYTES = 64 * 1024
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
_END_OF_TAR = bytes(tarfile.BLOCKSIZE)
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)


def unpack(archive: Path, into: Path, limits: DecodeLimits) -> dict[str, Path]:
    """Writes every file of the archive below `into`, under names of ours; returns name => path.

    Raises `Refused` at the first entry that is not a plain file with a plain name, or when a limit is passed.
    """
    into.mkdir()
    budget = _Budget(limits, archive.stat().st_size)
    found: dict[str, Path] = {}
    try:
        for name, content in _entries(archive, limits):
            check_name(name)
            if name in found:
                raise Refused(name, "This name is in the archive twice. Keep one of them.")
            found[name] = into / f"{len(found):06d}"
            _write(name, content, found[name], budget)
    except (*_BROKEN, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # the fault of our disk, not of the archive
        detail = f"The archive is damaged ({error}). Make it again as a plain zip or tar."
        raise Refused(None, detail) from error
    return found


def check_name(name: str) -> None:
    """Raises `Refused` for a name that points out of the archive or hides something."""
    parts = name.split("/")
    is_plain = name.isprintable() and "\\" not in name and ":" not in parts[0]
    if not is_plain or name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        detail = "The name is not a plain relative path. Use names like images/001.png."
        raise Refused(name[:200], detail)


class _Member(tarfile.TarInfo):
    """An entry of a tar. Where its header is cut off or damaged, tarfile sees the archive's end; this one an error."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == _END_OF_TAR:
                raise
            raise tarfile.ReadError(str(error)) from error


class _Budget:
    """How many bytes may still come out: an absolute limit, and a ratio to what came in."""

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


def _entries(archive: Path, limits: DecodeLimits) -> Iterator[tuple[str, IO[bytes]]]:
    with archive.open("rb") as file:
        is_zip = file.read(4) in _ZIP_MAGIC
    entries = _zip_entries(archive) if is_zip else _tar_entries(archive)
    for number, (name, content) in enumerate(entries, start=1):
        if number > limits.max_archive_entries:
            limit = limits.max_archive_entries
            raise Refused(None, f"The archive has more than {limit} entries. Send fewer files.")
        if content is not None:
            yield name, content


def _zip_entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Every entry of a zip; folders without content."""
    with zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            mode = info.external_attr >> 16
            if info.flag_bits & _ENCRYPTED:
                raise Refused(
                    info.filename, "The file is encrypted. Make the zip without a password."
                )
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Refused(info.filename, _NOT_PLAIN)
            if info.is_dir():
                yield info.filename, None
            else:
                with source.open(info) as content:
                    yield info.filename, content


def _tar_entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Every entry of a tar, plain or compressed; folders without content. Read as a stream: it is never wound back."""
    try:
        source = tarfile.open(archive, mode="r|*", tarinfo=_Member)  # noqa: SIM115 - closed below
    except tarfile.ReadError as error:
        detail = "The upload is neither a zip nor a tar. Send a zip or tar of images/, masks/, labelset.json."
        raise Refused(None, detail) from error
    with source:
        for member in source:
            if not (member.isfile() or member.isdir()) or member.issparse():
                raise Refused(member.name, _NOT_PLAIN)
            yield member.name.removeprefix("./"), source.extractfile(member)


_NOT_PLAIN = "This is a link or a device. An archive may hold plain files and folders only."


def _write(name: str, content: IO[bytes], path: Path, budget: _Budget) -> None:
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            budget.take(name, len(chunk))
            file.write(chunk)
