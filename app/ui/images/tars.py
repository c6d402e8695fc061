"""Finds the files of one sample in a stored shard, without reading the whole tar.

The headers of a shard are read once, in small ranges; the positions stay in memory, because a shard never changes.
"""

import tarfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from contracts.base import Artefact
from contracts.errors.tree import RecordDamaged
from state.store import Store

BLOCK = 512
_WINDOW_BYTES = 64 * 1024
_MAX_SHARDS = 32

Extents = Mapping[str, tuple[int, int]]
"""The offset and the length of each file of a sample, by its extension."""


@dataclass
class _Window:
    """Some bytes of a tar that are in memory."""

    store: Store
    tar: Artefact
    start: int = 0
    data: bytes = b""

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the tar. Reads a window from `start` if they are not in memory."""
        if not self.start <= start <= start + length <= self.start + len(self.data):
            num_bytes = min(max(length, _WINDOW_BYTES), self.tar.num_bytes - start)
            self.start, self.data = start, self.store.get_range(self.tar.key, start, num_bytes)
        return self.data[start - self.start : start - self.start + length]


class ShardIndexes:
    """The positions of all samples of the shards that were read last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._indexes: OrderedDict[str, dict[str, dict[str, tuple[int, int]]]] = OrderedDict()

    def files_of(self, store: Store, tar: Artefact, key: str) -> Extents:
        """Return the positions of the files of a sample; nothing for a sample that the shard lacks."""
        with self._lock:
            index = self._indexes.pop(tar.key, None)
        if index is None:
            index = index_shard(store, tar)
        with self._lock:
            self._indexes[tar.key] = index
            while len(self._indexes) > _MAX_SHARDS:
                self._indexes.popitem(last=False)
        return index.get(key, {})


def index_shard(store: Store, tar: Artefact) -> dict[str, dict[str, tuple[int, int]]]:
    """Return the position of every file by sample and extension. Raises `RecordDamaged` for another kind of file."""
    window, position = _Window(store, tar), 0
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    while position + BLOCK <= tar.num_bytes:
        header = window.read(position, BLOCK)
        if not any(header):  # the end of the tar
            break
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.TarError:
            raise RecordDamaged(tar.key, is_torn=True) from None
        key, _, extension = member.name.rpartition("/")[2].partition(".")
        samples.setdefault(key, {})[extension] = (position + BLOCK, member.size)
        position += BLOCK + -(-member.size // BLOCK) * BLOCK
    return samples
