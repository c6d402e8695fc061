"""Reads the entries of an untrusted zip. Headers are not trusted; unusual features are refused by name."""

import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.decoding.refusal import Refused

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
NOT_REGULAR = "Expected a regular file or folder, got a link or device. Replace it by a file."

_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_METHOD_NAMES = {
    9: "Deflate64",
    zipfile.ZIP_BZIP2: "bzip2",
    zipfile.ZIP_LZMA: "LZMA",
    93: "Zstandard",
}
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_MAX_COMMENT_BYTES = 0xFFFF
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MAGIC = b"PK\x06\x06"
_DIRECTORY_BYTES_FLOOR = 128 * 1024
_DIRECTORY_BYTES_PER_ENTRY = 1024
"""One entry of the directory at a zip's end: 46 bytes, name and extra fields. zipfile reads it whole into memory."""


def zip_entries(archive: Path, max_entries: int) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield every entry of a zip as (name, content); folders have no content. Raises `Refused`."""
    _check_directory(archive, max_entries)
    with zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            name = _name_of(info)
            _check_entry(info, name)
            if info.is_dir() or name.endswith("/"):
                yield name, None
            else:
                with source.open(info) as content:
                    yield name, content


def _check_entry(info: zipfile.ZipInfo, name: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise Refused(
            name,
            "Expected an unencrypted file, got an encrypted one. Create the zip without a password.",
        )
    # The upper 16 bits are the Unix mode; 0 means that the writer had none (Windows).
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(name, NOT_REGULAR)
    if info.compress_type not in _METHODS:
        method = _METHOD_NAMES.get(info.compress_type, f"method {info.compress_type}")
        detail = f"Expected Deflate or no compression, got {method}. Create the zip with Deflate, the usual method."
        raise Refused(name, detail)


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return the entry's name. Valid UTF-8 is read as UTF-8, even if the writer did not set the flag.

    Some Windows tools separate folders by a backslash; APPNOTE 4.4.17.1 requires slashes.
    """
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        try:
            # zipfile decodes names without the flag as code page 437; this restores the bytes.
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/").removeprefix("./")


def _check_directory(archive: Path, max_entries: int) -> None:
    """Refuse a directory larger than the allowed number of entries needs, before it is read.

    The record at the end has its size (APPNOTE 4.3.16). Some tools write a zip64 record for every zip.
    """
    size = archive.stat().st_size
    with archive.open("rb") as file:
        # The end record is the last one, before a comment of at most 64 KiB.
        begin = max(0, size - _END.size - _MAX_COMMENT_BYTES)
        file.seek(begin)
        tail = file.read()
        start = tail.rfind(_END_MAGIC)
        if start < 0 or len(tail) - start < _END.size:
            return  # zipfile raises for it
        *_, num_entries, directory_bytes, _, _ = _END.unpack_from(tail, start)
        num_entries, directory_bytes = _zip64_record(file, begin + start) or (
            num_entries,
            directory_bytes,
        )
    if num_entries > max_entries:
        detail = f"Expected at most {max_entries} entries in the archive, got {num_entries}. Send fewer files."
        raise Refused(None, detail)
    limit = max(max_entries * _DIRECTORY_BYTES_PER_ENTRY, _DIRECTORY_BYTES_FLOOR)
    if directory_bytes > limit:
        detail = f"Expected a zip directory of at most {limit} bytes, got {directory_bytes}. Send fewer files."
        raise Refused(None, detail)


def _zip64_record(file: IO[bytes], end: int) -> tuple[int, int] | None:
    """Return entries and directory bytes of the zip64 record (APPNOTE 4.3.14), which has priority; None without one.

    The record and its locator are directly before the end record at `end`. zipfile expects both there too.
    """
    if end < _LOCATOR.size + _END64.size:
        return None
    file.seek(end - _LOCATOR.size - _END64.size)
    record = file.read(_END64.size)
    if not record.startswith(_END64_MAGIC) or not file.read(_LOCATOR.size).startswith(
        _LOCATOR_MAGIC
    ):
        return None
    *_, num_entries, directory_bytes, _ = _END64.unpack(record)
    return num_entries, directory_bytes
