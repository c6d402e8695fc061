"""Finds the files of one sample in a stored shard, without reading the whole tar.

The headers of a shard are read once, in small ranges, with the facts that each sample has about itself. Both stay in
memory, because a shard never changes.
"""

import json
import tarfile
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from contracts.base import Artefact
from contracts.errors.tree import RecordDamaged
from state.store import Store

BLOCK = 512
_WINDOW_BYTES = 64 * 1024
_MAX_SHARDS = 32
_MAX_FACTS_BYTES = 64 * 1024

Extents = Mapping[str, tuple[int, int]]
"""The offset and the length of each file of a sample, by its extension."""


@dataclass
class Indexed:
    """One sample of a shard: where its files are, its uncertainty, and the share of pixels of each of its classes."""

    extents: dict[str, tuple[int, int]] = field(default_factory=dict)
    score: float | None = None
    fractions: Mapping[str, float] = field(default_factory=dict)

    def learn(self, data: bytes) -> None:
        """Take score and classes from the facts of the sample. Facts that cannot be read are left out."""
        with suppress(ValueError):
            facts = json.loads(data)
            if isinstance(facts, dict):
                score, fractions = facts.get("score"), facts.get("class_fractions")
                self.score = float(score) if isinstance(score, int | float) else None
                self.fractions = fractions if isinstance(fractions, dict) else {}


Index = Mapping[str, Indexed]
"""The samples of a shard, by their key."""


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
    """The samples of the shards that were read last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._indexes: OrderedDict[str, Index] = OrderedDict()

    def has(self, tar: Artefact) -> bool:
        """Return whether a shard is in memory, so that its samples cost nothing."""
        with self._lock:
            return tar.key in self._indexes

    def of(self, store: Store, tar: Artefact) -> Index:
        """Return the samples of a shard."""
        with self._lock:
            index = self._indexes.pop(tar.key, None)
        if index is None:
            index = index_shard(store, tar)
        with self._lock:
            self._indexes[tar.key] = index
            while len(self._indexes) > _MAX_SHARDS:
                self._indexes.popitem(last=False)
        return index


INDEXES = ShardIndexes()
"""Those of this process. A key of the store names one content, so they need no tenant."""


def index_shard(store: Store, tar: Artefact) -> Index:
    """Return the samples of a shard. Raises `RecordDamaged` for another kind of file."""
    window, position = _Window(store, tar), 0
    samples: dict[str, Indexed] = {}
    while position + BLOCK <= tar.num_bytes:
        header = window.read(position, BLOCK)
        if not any(header):  # the end of the tar
            break
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.TarError:
            raise RecordDamaged(tar.key, is_torn=True) from None
        key, _, extension = member.name.rpartition("/")[2].partition(".")
        sample = samples.setdefault(key, Indexed())
        sample.extents[extension] = (position + BLOCK, member.size)
        if extension == "json" and member.size <= _MAX_FACTS_BYTES:
            sample.learn(window.read(position + BLOCK, member.size))
        position += BLOCK + -(-member.size // BLOCK) * BLOCK
    return samples
