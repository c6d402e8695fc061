"""Builds tars for tests, valid and malicious ones."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

Unpack = Callable[[bytes], dict[str, Path]]

MiB = 1024 * 1024


def tarred(*members: tarfile.TarInfo, mode: str = "w") -> bytes:
    """Return a tar of the members, each filled with zeros to its size."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]  # any mode
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return buffer.getvalue()


def member(name: str, size: int = 3, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """Return one entry of a tar."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    info.linkname = "/etc/passwd"
    return info


def header_bomb(kind: bytes, size: int = 40 * MiB) -> bytes:
    """Return a small gzipped tar whose first entry has a name, record or map of `size` bytes."""
    info = member("x", size, kind)
    return gzip.compress(
        info.tobuf(tarfile.GNU_FORMAT) + bytes(size) + bytes(2 * tarfile.BLOCKSIZE)
    )
