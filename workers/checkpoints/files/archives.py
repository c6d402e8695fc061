"""Zips that nobody trusts: looked over before a member is read, and members that are stored are views into the file."""

import io
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.sources import mapped

MAX_DIRECTORY_BYTES = 4 * 2**20
MAX_MEMBERS = 20_000
"""torch writes one member for each tensor: a training checkpoint with its optimizers has about 1,500."""

CHUNK_BYTES = 2**20

ENCRYPTED = 1
"""The flag of a member."""

METHODS: Mapping[int, str] = {
    zipfile.ZIP_BZIP2: "bzip2",
    zipfile.ZIP_LZMA: "LZMA",
    9: "Deflate64",
    93: "Zstandard",
    95: "XZ",
}

_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True)
class Archive:
    """The members of a zip by name. They are stored or deflated, have no password and do not overlap."""

    members: Mapping[str, ZipInfo]
    zip_bytes: int
    _file: ZipFile
    _data: memoryview

    def stored(self, name: str) -> memoryview:
        """The bytes of a member that is not compressed, as a view; its checksum is the caller's to look at.

        Raises:
            CheckpointRefused: there is none of this name, or it is compressed.
        """
        member = self.members.get(name)
        if member is None:
            raise CheckpointRefused(f"its zip lacks {name[-80:]!r}, which its pickle refers to")
        if member.compress_type != zipfile.ZIP_STORED:
            raise CheckpointRefused(
                "its zip is compressed, which torch does not do; save it again with torch.save"
            )
        start, end = _extent(self._data, member)
        return self._data[start:end]

    def read(self, name: str, max_bytes: int) -> bytes:
        """The bytes of a member, unpacked: never more than `max_bytes`, whatever the zip says of its size."""
        unpacked = bytearray()
        with self._file.open(self.members[name]) as file:
            while chunk := file.read(CHUNK_BYTES):
                unpacked += chunk
                if len(unpacked) > max_bytes:
                    raise CheckpointRefused(
                        f"{name[-80:]!r} unpacks to more than {max_bytes} bytes, which weights do not"
                    )
        return bytes(unpacked)


class _Bounded(io.FileIO):
    """A file whose directory is not read when it is too long: each entry costs 13 times its bytes in memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > MAX_DIRECTORY_BYTES:
            raise CheckpointRefused(
                f"the directory of its zip takes more than {MAX_DIRECTORY_BYTES} bytes; torch's take about 100000"
            )
        return super().read(size)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """The zip at `path`, looked over; its members can be read inside the block.

    Raises:
        CheckpointRefused: it has a password, members that overlap, names that repeat or a compression that we lack.
        zipfile.BadZipFile: it is damaged; `zipfile` raises some more.
    """
    with _Bounded(path) as raw, ZipFile(raw) as file:
        yield _looked_over(file, mapped(path))


def _looked_over(file: ZipFile, data: memoryview) -> Archive:
    infos = file.infolist()
    if len(infos) > MAX_MEMBERS:
        raise CheckpointRefused(f"its zip has {len(infos)} members; expected at most {MAX_MEMBERS}")
    members = {info.filename: info for info in infos}
    if len(members) < len(infos):
        raise CheckpointRefused("its zip holds two members of one name")
    for info in infos:
        _check_member(info)
    _check_overlaps(data, infos)
    return Archive(members, len(data), file, data)


def _check_member(info: ZipInfo) -> None:
    if info.flag_bits & ENCRYPTED:
        raise CheckpointRefused("its zip has a password; pack it again without one")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise CheckpointRefused(
            f"{info.filename[-80:]!r} in its zip is compressed with {method}; expected stored or deflated members,"
            " as torch.save and `zip` write them"
        )
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise CheckpointRefused(
            f"{info.filename[-80:]!r} in its zip is stored, but its two sizes differ"
        )


def _check_overlaps(data: memoryview, infos: list[ZipInfo]) -> None:
    """Refuse members that share bytes: so a small zip would become any number of tensors."""
    last_name, last_end = "", 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < last_end:
            raise CheckpointRefused(
                f"{last_name[-60:]!r} and {info.filename[-60:]!r} in its zip overlap"
            )
        last_name, last_end = info.filename, _extent(data, info)[1]


def _extent(data: memoryview, info: ZipInfo) -> tuple[int, int]:
    """Where a member's bytes start and end in the file: after a local header, whose two last fields vary in length."""
    head = data[info.header_offset : info.header_offset + _LOCAL_HEADER.size]
    if len(head) < _LOCAL_HEADER.size or bytes(head[:4]) != b"PK\x03\x04":
        raise CheckpointRefused(f"its zip has no member where {info.filename[-80:]!r} should be")
    _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(head)
    start = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    end = start + info.compress_size
    if end > len(data):
        raise CheckpointRefused(f"its zip is cut short: {info.filename[-80:]!r} is not all there")
    return start, end
