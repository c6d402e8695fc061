"""Where a dataset's shards come from: a folder, or a batch at the service through this machine's cache.

A source is small and can be pickled: each worker of a DataLoader gets one, and makes connections of its own.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from handsoff_client.cache import ShardCache
from handsoff_client.client import HandsOff
from handsoff_client.folders import BatchFolder
from handsoff_client.resources import Labels


class ShardSource(Protocol):
    """Shards by number, as verified tars on disk. This is all that a dataset knows of where its data comes from."""

    @property
    def identity(self) -> str:
        """What a saved position is good for: equal only where the shards are."""

    @property
    def labels(self) -> Labels:
        """What the labels mean."""

    @property
    def sizes(self) -> Sequence[int]:
        """How many samples each shard has."""

    def path(self, shard: int) -> Path:
        """The shard on disk; returns when it is there. Called from several threads and processes at once."""


class FolderSource:
    """A downloaded batch."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = BatchFolder.open(folder)
        self.identity = _identity([shard.sha256 for shard in self._folder.index.shards])
        self.labels = self._folder.labels
        self.sizes = tuple(shard.num_samples for shard in self._folder.index.shards)

    def path(self, shard: int) -> Path:
        """Where the shard lies; it was verified when it was downloaded."""
        return self._folder.path_of(shard)


class BatchSource:
    """A batch at the service. Shards are fetched when they are needed, verified, and kept in the cache."""

    def __init__(self, url: str, batch_id: str, *, cache: ShardCache | None = None) -> None:
        self._url = url
        self._batch_id = batch_id
        self._cache = cache or ShardCache()
        self._clients: dict[int, HandsOff] = {}
        client = self._client()
        self._shards = client.batches.shards(batch_id)
        self.identity = _identity([shard.sha256 for shard in self._shards])
        self.labels = client.batches.get(batch_id).labels
        self.sizes = tuple(shard.num_samples for shard in self._shards)

    def path(self, shard: int) -> Path:
        """The shard in the cache."""
        wanted = self._shards[shard]
        batches = self._client().batches
        return self._cache.path(
            wanted.sha256, lambda target: batches.fetch(self._batch_id, wanted, target)
        )

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_clients": {}}

    def _client(self) -> HandsOff:
        """This process's own: connections do not survive a fork."""
        return self._clients.setdefault(os.getpid(), HandsOff(self._url))


def _identity(digests: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
