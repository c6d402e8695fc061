"""A shard and its digest: `handsoff_shards` writes the tar, which is hashed while it is written."""

import hashlib
import io
from types import TracebackType
from typing import Self

from handsoff_shards.members import Files
from handsoff_shards.writing import ShardWriter
from state.sending import Target


class TarWriter:
    """Writes samples in the order of `add`. The tar is complete when the `with` block ends without an error."""

    def __init__(self, target: Target) -> None:
        self._target = _Hashed(target)
        self._shard = ShardWriter(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shard.__exit__(kind, error, trace)

    def add(self, index: int, files: Files) -> None:
        """Append the files of the sample `index`, by extension."""
        self._shard.add(index, files)

    @property
    def sha256(self) -> str:
        """The digest of everything written so far."""
        return self._target.hash.hexdigest()

    @property
    def num_bytes(self) -> int:
        """The number of bytes written so far."""
        return self._target.num_bytes


class _Hashed(io.RawIOBase):
    """Forwards writes and hashes them, so the tar is not read again. A tar is written from front to back."""

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
