"""Read untrusted zips: all members are checked before one is read. A stored member is a view into the file."""

import io
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, CheckpointRefused
from workers.checkpoints.files.sources import map_file

MAX_DIRECTORY_BYTES = 4 * 2**20
MAX_MEMBERS = 20_000
"""torch writes one member per tensor: a training checkpoint with its optimizers has about 1,500."""

CHUNK_BYTES = 2**20

ENCRYPTED_FLAG = 1
"""Bit 0 of a member's flags."""

METHOD_NAMES: Mapping[int, str] = {
    zipfile.ZIP_BZIP2: "bzip2",
    zipfile.ZIP_LZMA: "LZMA",
    9: "Deflate64",
    93: "Zstandard",
    95: "XZ",
}

_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True)
class Archive:
    """The members of a zip, by name. They are stored or deflated, have no password and do not overlap."""

    members: Mapping[str, ZipInfo]
    zip_bytes: int
    _file: ZipFile
    _data: memoryview

    def stored_bytes(self, name: str) -> memoryview:
        """Return a view of a member that is not compressed. The caller checks its checksum.

        Raises:
            CheckpointRefused: the zip has no member of this name, or the member is compressed.
        """
        member = self.members.get(name)
        if member is None:
            raise CheckpointRefused(f"its pickle refers to {name[-80:]!r}, which its zip lacks")
        if member.compress_type != zipfile.ZIP_STORED:
            raise CheckpointRefused(
                "expected stored members in its zip, got compressed ones; save it again with torch.save"
            )
        start, end = _byte_range(self._data, member)
        return self._data[start:end]

    def read(self, name: str, max_bytes: int) -> bytes:
        """Unpack a member.

        Raises:
            CheckpointRefused: it unpacks to more than `max_bytes`, even if the zip states a smaller size.
        """
        unpacked = bytearray()
        with self._file.open(self.members[name]) as file:
            while chunk := file.read(CHUNK_BYTES):
                unpacked += chunk
                if len(unpacked) > max_bytes:
                    raise CheckpointRefused(
                        f"expected at most {max_bytes} unpacked bytes in {name[-80:]!r} of its zip, got more"
                    )
        return bytes(unpacked)


class _BoundedFile(io.FileIO):
    """A file that refuses to read a long zip directory: each entry takes 13 times its bytes in memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > MAX_DIRECTORY_BYTES:
            raise CheckpointRefused(
                f"expected at most {MAX_DIRECTORY_BYTES} bytes in the directory of its zip (torch writes about 100000),"
                " got more"
            )
        return super().read(size)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Check the zip at `path` and open it. Its members can be read inside the block.

    Raises:
        CheckpointRefused: it has a password, overlapping members, repeated names or an unsupported compression.
        zipfile.BadZipFile: it is damaged. `zipfile` raises other errors too.
    """
    with _BoundedFile(path) as raw, ZipFile(raw) as file:
        yield _checked(file, map_file(path))


def _checked(file: ZipFile, data: memoryview) -> Archive:
    infos = file.infolist()
    if len(infos) > MAX_MEMBERS:
        raise CheckpointRefused(
            f"expected at most {MAX_MEMBERS} members in its zip, got {len(infos)}"
        )
    members = {info.filename: info for info in infos}
    if len(members) < len(infos):
        raise CheckpointRefused("its zip has two members of the same name")
    for info in infos:
        _check_member(info)
    _check_overlaps(data, infos)
    return Archive(members, len(data), file, data)


def _check_member(info: ZipInfo) -> None:
    if info.flag_bits & ENCRYPTED_FLAG:
        raise CheckpointRefused("its zip has a password; pack it again without one")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = METHOD_NAMES.get(info.compress_type, f"method {info.compress_type}")
        raise CheckpointRefused(
            f"{info.filename[-80:]!r} in its zip is compressed with {method}; expected stored or deflated members,"
            " as torch.save and `zip` write them"
        )
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise CheckpointRefused(
            f"{info.filename[-80:]!r} in its zip is stored; expected equal sizes, got {info.compress_size} bytes stored"
            f" and {info.file_size} unpacked"
        )


def _check_overlaps(data: memoryview, infos: list[ZipInfo]) -> None:
    """Refuse members that share bytes: with them, a small zip could become any number of tensors."""
    last_name, last_end = "", 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < last_end:
            raise CheckpointRefused(
                f"{last_name[-60:]!r} and {info.filename[-60:]!r} in its zip overlap"
            )
        last_name, last_end = info.filename, _byte_range(data, info)[1]


def _byte_range(data: memoryview, info: ZipInfo) -> tuple[int, int]:
    """Return where a member's bytes start and end: after its local header, whose last two fields vary in length."""
    head = data[info.header_offset : info.header_offset + _LOCAL_HEADER.size]
    if len(head) < _LOCAL_HEADER.size or bytes(head[:4]) != b"PK\x03\x04":
        raise CheckpointRefused(f"its zip has no member where {info.filename[-80:]!r} should be")
    _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(head)
    start = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    end = start + info.compress_size
    if end > len(data):
        raise CheckpointRefused(
            f"its zip is cut short: the end of {info.filename[-80:]!r} is missing", DOWNLOAD_AGAIN
        )
    return start, end
