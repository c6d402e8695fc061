"""Where a dataset's shards come from: a folder, or a batch or stream at the service through this machine's cache.

A source is small and can be pickled: each worker of a DataLoader gets one.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from handsoff_client.client import HandsOff
from handsoff_client.data.cache import ShardCache
from handsoff_client.data.folders import BatchFolder
from handsoff_client.data.order import EvenSizes
from handsoff_client.http.retries import Retries
from handsoff_shards.labels import Labels

PATIENT = Retries(first_attempts=Retries.attempts)
"""The address has answered before: in the middle of a training loop, a service that is away is waited for."""


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
    """A batch at the service. Shards are fetched when they are needed, verified, and kept in the cache.

    Nothing is held open in between: connections would not survive the fork of a DataLoader's workers.
    """

    def __init__(self, url: str, batch_id: str, *, cache: ShardCache | None = None) -> None:
        self._url = url
        self._batch_id = batch_id
        self._cache = cache or ShardCache()
        with HandsOff(url) as client:
            self._shards = client.batches.shards(batch_id)
            self.labels = client.batches.get(batch_id).labels
        self.identity = _identity([shard.sha256 for shard in self._shards])
        self.sizes = tuple(shard.num_samples for shard in self._shards)

    def path(self, shard: int) -> Path:
        """The shard in the cache."""
        wanted = self._shards[shard]

        def fetch(target: Path) -> Path:
            with HandsOff(self._url, retries=PATIENT) as client:
                return client.batches.fetch(self._batch_id, wanted, target)

        return self._cache.path(wanted.sha256, fetch)


class StreamSource:
    """A stream at the service. Shards are asked for and rendered when they are needed, verified, and kept in the cache.

    `max_cache_bytes` bounds what a stream without an end leaves on this disk, unless `cache` is given.
    """

    def __init__(
        self,
        url: str,
        stream_id: str,
        *,
        cache: ShardCache | None = None,
        max_cache_bytes: int = 8 * 1024**3,
    ) -> None:
        self._url = url
        self._stream_id = stream_id
        self._cache = cache or ShardCache(max_bytes=max_cache_bytes)
        with HandsOff(url) as client:
            stream = client.streams.get(stream_id)
        # All that its samples are decided by: another stream of the same recipe is the same, and a state fits both.
        recipe = {name: stream.json[name] for name in _RECIPE}
        self.identity = _identity([json.dumps(recipe, sort_keys=True)])
        self.labels = stream.labels
        self.sizes = EvenSizes(stream.num_shards, stream.shard_size)

    def path(self, shard: int) -> Path:
        """The shard in the cache, where nobody is asked for one that is there. Raises `ShardFailed`."""
        name = f"{self.identity}-{shard}"
        known = self._cache.noted(name)
        if known is not None:
            return known
        with HandsOff(self._url, retries=PATIENT) as client:
            wanted = client.streams.shard(self._stream_id, shard)
            found = self._cache.path(
                wanted.sha256, lambda target: client.streams.fetch(self._stream_id, wanted, target)
            )
        self._cache.note(name, wanted.sha256)
        return found


_RECIPE = ("fit", "seed", "truncation", "filter", "image_format", "shard_size", "render_version")


def _identity(digests: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
