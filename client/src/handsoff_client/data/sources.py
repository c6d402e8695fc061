"""The sources of a dataset's shards: a folder, or a batch or stream of the service with a local cache.

A source is small and can be pickled: each worker of a DataLoader gets a copy.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.client import HandsOff
from handsoff_client.data.cache import ShardCache
from handsoff_client.data.order import EvenSizes
from handsoff_client.http.retries import Retries
from handsoff_shards.labels import Labels

PATIENT_SECONDS = 3_600.0
"""How long a training loop of days waits for a service that is away, unless `HANDSOFF_RETRY_SECONDS` is set."""


def _patient() -> Retries:
    """Return the retries for an address that has answered before."""
    return Retries.from_environment(seconds=PATIENT_SECONDS, first_attempts=None)


class ShardSource(Protocol):
    """Shards by number, as verified tars on disk. A dataset reads its data only through this protocol."""

    @property
    def identity(self) -> str:
        """A digest that is equal for equal shards. A saved position is valid only for the same identity."""

    @property
    def labels(self) -> Labels:
        """The schema of the labels."""

    @property
    def sizes(self) -> Sequence[int]:
        """The number of samples of each shard."""

    def path(self, shard: int) -> Path:
        """Return the path of the shard once it is on disk. Several threads and processes call this concurrently."""


class FolderSource:
    """A downloaded batch."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = BatchFolder.open(folder)
        self.identity = _identity([shard.sha256 for shard in self._folder.index.shards])
        self.labels = self._folder.labels
        self.sizes = tuple(shard.num_samples for shard in self._folder.index.shards)

    def path(self, shard: int) -> Path:
        """Return the path of the shard. The download verified it."""
        return self._folder.path_of(shard)


class BatchSource:
    """A batch or a labeling of the service. Shards are downloaded when needed, verified, and cached.

    No connection stays open: it would not survive the fork of a DataLoader's workers.
    """

    def __init__(
        self,
        url: str,
        batch_id: str,
        *,
        api_key: str | None = None,
        cache: ShardCache | None = None,
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._batch_id = batch_id
        self._cache = cache or ShardCache()
        with HandsOff(url, api_key=api_key) as client:
            jobs = client.sharded(batch_id)
            self._shards = jobs.shards(batch_id)
            self.labels = jobs.get(batch_id).labels
        self.identity = _identity([shard.sha256 for shard in self._shards])
        self.sizes = tuple(shard.num_samples for shard in self._shards)

    def path(self, shard: int) -> Path:
        """Return the path of the shard in the cache."""
        listed = self._shards[shard]

        def fetch(target: Path) -> Path:
            with HandsOff(self._url, api_key=self._api_key, retries=_patient()) as client:
                return client.sharded(self._batch_id).fetch(self._batch_id, listed, target)

        return self._cache.path(listed.sha256, fetch)


class StreamSource:
    """A stream of the service. Shards are requested and rendered when needed, verified, and cached.

    `max_cache_bytes` limits the disk space of the cache, because a stream is endless. It is ignored when `cache` is
    given.
    """

    def __init__(
        self,
        url: str,
        stream_id: str,
        *,
        api_key: str | None = None,
        cache: ShardCache | None = None,
        max_cache_bytes: int = 8 * 1024**3,
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._stream_id = stream_id
        self._cache = cache or ShardCache(max_bytes=max_cache_bytes)
        with HandsOff(url, api_key=api_key) as client:
            stream = client.streams.get(stream_id)
        # The recipe decides all samples. A stream with an equal recipe has equal samples, and a state fits both.
        recipe = {name: stream.json[name] for name in _RECIPE}
        # Absent without a value, so that states and caches of earlier versions stay valid.
        later = {name: stream.json.get(name) for name in _LATER}
        recipe |= {name: value for name, value in later.items() if value not in (None, [])}
        if stream.json.get("steering") is not None:  # its reports decide too
            recipe["stream"] = stream_id
        self.identity = _identity([json.dumps(recipe, sort_keys=True)])
        self.labels = stream.labels
        self.sizes = EvenSizes(stream.num_shards, stream.shard_size)

    def path(self, shard: int) -> Path:
        """Return the path of the shard in the cache. A cached shard needs no request. Raises `ShardFailed`."""
        name = f"{self.identity}-{shard}"
        cached = self._cache.find(name)
        if cached is not None:
            return cached
        with HandsOff(self._url, api_key=self._api_key, retries=_patient()) as client:
            listed = client.streams.shard(self._stream_id, shard)
            path = self._cache.path(
                listed.sha256, lambda target: client.streams.fetch(self._stream_id, listed, target)
            )
        self._cache.assign(name, listed.sha256)
        return path

    def report(self, losses: Mapping[str, float]) -> None:
        """Report the mean loss of each class in the samples since the last report; `ClassLosses` computes it.

        Shards that are rendered later show more of the classes with the highest losses. No losses are no report.
        Raises `NotSteered` for a stream that was created without `steering`.
        """
        if losses:
            with HandsOff(self._url, api_key=self._api_key, retries=_patient()) as client:
                client.streams.report(self._stream_id, losses)


_RECIPE = ("fit", "seed", "truncation", "filter", "image_format", "shard_size", "render_version")
_LATER = ("condition", "soft_labels", "ignore_above", "targets")


def _identity(digests: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
