"""A shard and its digest: `handsoff_shards` writes the tar, which is hashed while it is written."""

import hashlib
import io

from handsoff_shards.writing import ShardWriter
from state.sending import Target


class TarWriter(ShardWriter):
    """A `ShardWriter` that also hashes and counts the bytes of the tar."""

    def __init__(self, target: Target) -> None:
        self._target = _Hashed(target)
        super().__init__(self._target)

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
