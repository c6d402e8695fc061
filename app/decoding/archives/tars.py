"""Reads the entries of an untrusted tar, plain or compressed, as a stream without seeking back.

Every decompressed byte is counted, headers too: tarfile reads long names, PAX records and sparse maps into memory.
"""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Self, cast

from app.decoding.archives.zips import NOT_REGULAR
from app.decoding.refusal import Refused

if TYPE_CHECKING:
    from typing_extensions import Buffer  # in collections.abc since Python 3.12

_GZIP_MAGIC, _BZIP2_MAGIC, _XZ_MAGIC = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_XZ_MEMORY_BYTES = 100 * 1024 * 1024
"""The memory limit of xz decompression; `xz -9` needs 65 MiB."""
_OTHER_KINDS = {
    b"(\xb5/\xfd": "Zstandard data",
    b"7z\xbc\xaf'\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    _GZIP_MAGIC: "a gzip file without a tar in it",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"<": "an HTML or XML text, such as an error page",
    b"{": "a JSON text",
}
"""What users send instead, by the first bytes."""
_MAX_MAGIC_BYTES = max(map(len, _OTHER_KINDS))
_MAX_HEADER_BYTES = 1024 * 1024
"""The limit for one entry. PAX allows any length; tools write a few hundred bytes."""
_MAX_ALL_HEADER_BYTES = 64 * 1024 * 1024
_BUFFER_BYTES = 4096
"""The read size of tarfile: bytes behind a header in the same buffer count as header too."""
_CHUNK_BYTES = 64 * 1024
_END_OF_TAR = bytes(tarfile.BLOCKSIZE)


class Decompressor(Protocol):
    """The common interface of `bz2` and `lzma` decompressors."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: "Buffer", max_length: int = -1) -> bytes: ...


def tar_entries(archive: Path, max_bytes: int) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield every entry of a tar as (name, content); folders have no content.

    Raises `Refused` if headers take more than 1 MiB for one entry or 64 MiB in all, or contents more than `max_bytes`.
    """
    with archive.open("rb") as file:
        kind = _kind_of(file)
        counted = _CountedStream(_decompressed(file), max_bytes + _MAX_ALL_HEADER_BYTES)
        with _opened(counted, kind) as source:
            for member in source:
                counted.is_header = False
                # A sparse file of a few bytes can unpack to terabytes of zeros.
                if not (member.isfile() or member.isdir()) or member.issparse():
                    raise Refused(member.name, NOT_REGULAR)
                content = source.extractfile(member)
                yield member.name.removeprefix("./"), content
                # Skipped entries must be read too: in a stream the next header follows their bytes.
                _drain(content)
                # Frees the members and their PAX records: a stream does not seek back to them.
                source.members.clear()  # type: ignore[attr-defined]  # missing in typeshed
                counted.expect_header()
        _drain(counted)  # gzip's checksum is at the end


def _kind_of(file: IO[bytes]) -> str:
    """Return what the file is, for the message if it is no tar."""
    head = file.read(_MAX_MAGIC_BYTES)
    file.seek(0)
    names = (name for magic, name in _OTHER_KINDS.items() if head.startswith(magic))
    return next(names, "another file" if head else "an empty file")


def _opened(counted: "_CountedStream", kind: str) -> tarfile.TarFile:
    try:
        return tarfile.open(
            fileobj=cast("IO[bytes]", counted), mode="r|", tarinfo=_Member, bufsize=_BUFFER_BYTES
        )
    except tarfile.ReadError as error:
        detail = f"Expected a zip or tar, got {kind}. Send a zip or tar of images/, masks/, labelset.json."
        raise Refused(None, detail) from error


def _drain(content: "IO[bytes] | _CountedStream | None") -> None:
    while content is not None and content.read(_CHUNK_BYTES):
        pass


class _Member(tarfile.TarInfo):
    """An entry of a tar. It raises for a cut or damaged header, where tarfile assumes the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # A block of zeros is the regular end; tarfile handles this error.
            if buf == _END_OF_TAR:
                raise
            raise tarfile.ReadError(str(error)) from error


class _CountedStream:
    """A stream that counts its bytes and enforces the limits for all data and for headers."""

    def __init__(self, source: IO[bytes], max_bytes: int) -> None:
        self._source = source
        self._left = max_bytes
        self._header_left = _MAX_HEADER_BYTES
        self._all_headers_left = _MAX_ALL_HEADER_BYTES
        self.is_header = True

    def expect_header(self) -> None:
        """Count the bytes from here on as the next entry's headers."""
        self.is_header = True
        self._header_left = _MAX_HEADER_BYTES

    def read(self, num_bytes: int) -> bytes:
        """Return the next bytes. Raises `Refused` if a limit is exceeded."""
        data = self._source.read(num_bytes)
        self._left -= len(data)
        if self.is_header:
            self._header_left -= len(data)
            self._all_headers_left -= len(data)
        if self._left < 0:
            detail = "Expected fewer bytes in the tar, got more than its size allows. Send fewer or smaller files."
            raise Refused(None, detail)
        if min(self._header_left, self._all_headers_left) < 0:
            detail = (
                f"Expected tar headers of at most {_MAX_HEADER_BYTES} bytes per entry and {_MAX_ALL_HEADER_BYTES} in"
                " all, got more. Create the tar again without extra records."
            )
            raise Refused(None, detail)
        return data


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    """Return the decompressed tar of a file (gzip, bzip2, xz or plain). Checksums are verified at the end."""
    magic = file.read(len(_XZ_MAGIC))
    file.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if magic.startswith(_BZIP2_MAGIC):
        return cast(
            "IO[bytes]", io.BufferedReader(_DecompressedStream(file, bz2.BZ2Decompressor()))
        )
    if magic == _XZ_MAGIC:
        xz = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
        return cast("IO[bytes]", io.BufferedReader(_DecompressedStream(file, xz)))
    return file


class _DecompressedStream(io.RawIOBase):
    """One decompressed stream. `bz2.open` and `lzma.open` do the same, but without a memory limit."""

    def __init__(self, file: IO[bytes], decompressor: Decompressor) -> None:
        self._file = file
        self._decompressor = decompressor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        data = b""
        while not data and not self._decompressor.eof:
            # The decompressor may have output left, so new input is read only on demand.
            compressed = self._file.read(_CHUNK_BYTES) if self._decompressor.needs_input else b""
            if not compressed and self._decompressor.needs_input:
                raise EOFError("the compressed data ends too early")
            data = self._decompress(compressed, len(view))
        if not data and (self._decompressor.unused_data.strip(b"\0") or self._file.read(1)):
            raise OSError("unexpected bytes follow the compressed data")
        view[: len(data)] = data
        return len(data)

    def _decompress(self, compressed: bytes, num_bytes: int) -> bytes:
        try:
            return self._decompressor.decompress(compressed, num_bytes)
        except lzma.LZMAError as error:
            # lzma has no separate exception for its memory limit.
            if "emory" not in str(error):
                raise
            detail = f"Decompressing the xz needs more than {_XZ_MEMORY_BYTES} bytes. Use gzip, or at most xz -9."
            raise Refused(None, detail) from error
