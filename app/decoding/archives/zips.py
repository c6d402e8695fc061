"""Reads the entries of a zip that nobody trusts. Headers are never believed; what is unusual is refused by name."""

import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.decoding.refusal import Refused

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
NOT_PLAIN = "This is a link or a device. An archive may hold plain files and folders only."

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
_SEE_ZIP64 = 0xFFFF
_DIRECTORY_BYTES_FLOOR = 128 * 1024
_DIRECTORY_BYTES_PER_ENTRY = 1024
"""Of the directory at a zip's end: 46 bytes, the name and extra fields. It is read whole into memory."""


def zip_entries(archive: Path, max_entries: int) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Every entry of a zip by name; folders without content."""
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
        raise Refused(name, "The file is encrypted. Make the zip without a password.")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(name, NOT_PLAIN)
    if info.compress_type not in _METHODS:
        method = _METHOD_NAMES.get(info.compress_type, f"method {info.compress_type}")
        detail = (
            f"The file is compressed with {method}. Make the zip with Deflate, the usual method."
        )
        raise Refused(name, detail)


def _name_of(info: zipfile.ZipInfo) -> str:
    """The entry's name. Bytes that are valid UTF-8 are UTF-8, also where the writer did not set the flag for it.

    Some writers on Windows separate folders by a backslash; APPNOTE 4.4.17.1 asks for slashes.
    """
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/")


def _check_directory(archive: Path, max_entries: int) -> None:
    """Refuse a directory of more bytes than the allowed number of entries can need, before it is read.

    The record at the end gives its size (APPNOTE 4.3.16). A zip64 record has 0xFFFFFFFF there, far above any limit.
    """
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - _END.size - _MAX_COMMENT_BYTES))
        tail = file.read()
    place = tail.rfind(_END_MAGIC)
    if place < 0 or len(tail) - place < _END.size:
        return  # zipfile says that this is no zip
    *_, num_entries, directory_bytes, _, _ = _END.unpack_from(tail, place)
    if num_entries > max_entries and num_entries != _SEE_ZIP64:
        raise Refused(None, f"The archive has more than {max_entries} entries. Send fewer files.")
    most = max(max_entries * _DIRECTORY_BYTES_PER_ENTRY, _DIRECTORY_BYTES_FLOOR)
    if directory_bytes > most:
        detail = f"The zip's directory takes more than {most} bytes. Send fewer files, with shorter names."
        raise Refused(None, detail)
