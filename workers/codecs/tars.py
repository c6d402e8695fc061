"""WebDataset shards: the files of samples in, one tar and its digest out; the same files always give the same bytes."""

import hashlib
import io
import tarfile
from types import TracebackType
from typing import Self

from state.sending import Target
from workers.codecs.task import Files


class TarWriter:
    """Writes samples' files in the order given. The tar is whole when the block has ended without an error."""

    def __init__(self, target: Target) -> None:
        self._target = _Hashed(target)
        self._tar = tarfile.open(fileobj=self._target, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tar.__exit__(kind, error, trace)

    def add(self, files: Files) -> None:
        """Appends one sample."""
        for name, data in files.items():
            self._tar.addfile(_header(name, len(data)), io.BytesIO(data))

    @property
    def sha256(self) -> str:
        """The digest of everything written so far."""
        return self._target.hash.hexdigest()

    @property
    def num_bytes(self) -> int:
        """How much has been written so far."""
        return self._target.num_bytes


class _Hashed(io.RawIOBase):
    """Passes on what is written, and its digest needs no second reading. A tar is written from front to back."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.hash = hashlib.sha256()
        self.num_bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.num_bytes

    def write(self, data: bytes) -> int:  # type: ignore[override]  # tarfile writes bytes only
        self.hash.update(data)
        self.num_bytes += len(data)
        return self._target.write(data)


def _header(name: str, num_bytes: int) -> tarfile.TarInfo:
    """A header that knows no clock and no user: `TarInfo` starts with mtime 0 and owner 0."""
    header = tarfile.TarInfo(name)
    header.size = num_bytes
    header.mode = 0o644
    return header
