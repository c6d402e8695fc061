"""Streams of a running service, read by shard or by a training loop, and the records of their shards."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.service.running import RunningService, processor_seconds
from contracts.batches import ShardRecord
from contracts.ids import DEFAULT_TENANT
from contracts.streams import StreamRef
from handsoff_client import ShardCache, StreamSource
from handsoff_client.torch import HandsOffDataset
from state import keys, records
from state.ledger import Ledger
from state.store import Store
from state.stream_readers import StreamReaders

BATCH_SIZE = 8
SETTLE_SECONDS = 5
"""Longer than any rendering. If none finished in this time, none is in progress."""
ALL_STREAMS = keys.noun_prefix(DEFAULT_TENANT, "streams")


@dataclass(frozen=True)
class StreamService:
    """A running service with the streams that are read from it."""

    running: RunningService

    def stream(self, seed: int, shard_size: int) -> "Stream":
        """Start a stream after all rendering for earlier streams has finished."""
        self.settle()
        running = self.running
        stream = running.client.start_stream(fit=running.fit, seed=seed, shard_size=shard_size)
        return Stream(self, StreamRef(tenant=DEFAULT_TENANT, id=stream))

    def rendered(self, prefix: str) -> list[ShardRecord]:
        """Return the records of the shards below a key prefix, by start time."""
        store = Store.from_settings(self.running.settings)
        shards = [
            records.read(store, item.key, ShardRecord)
            for item in store.list(prefix)
            if "/shards/" in item.key and item.key.endswith(".json")
        ]
        return sorted(filter(None, shards), key=lambda record: record.started_at)

    def settle(self) -> None:
        """Wait until the look-ahead of earlier readers is rendered."""
        before = -1
        while (now := len(self.rendered(ALL_STREAMS))) != before:
            before = now
            time.sleep(SETTLE_SECONDS)


@dataclass(frozen=True)
class Stream:
    """One stream: single shards, a dataset, and the records of its shards."""

    service: StreamService
    ref: StreamRef

    def fetch(self, shard: int) -> tuple[datetime, datetime]:
        """Read one shard. Returns the times of the request and of the last byte."""
        requested_at = datetime.now(UTC)
        self.service.running.client.fetch(f"/v1/streams/{self.ref.id}/shards/{shard}?wait=30")
        return requested_at, datetime.now(UTC)

    def batches(self) -> Iterator[object]:
        """Yield training batches as in a remote job: a DataLoader with one worker and a disk cache."""
        cache = ShardCache(self.service.running.folder / "cache")
        source = StreamSource(self.service.running.address, self.ref.id, cache=cache)
        return iter(HandsOffDataset(source, batch_size=BATCH_SIZE).loader(num_workers=1))

    def rendered(self) -> list[ShardRecord]:
        """Return the records of its shards, by start time."""
        return self.service.rendered(keys.shards_prefix(self.ref))

    def last_requested(self) -> int:
        """Return the highest index of a requested shard."""
        ledger = Ledger.connect(self.service.running.settings.redis_url.get_secret_value())
        return max(StreamReaders(ledger).requested_at(self.ref))

    def processor_seconds(self) -> float:
        """Return the processor time of the worker since its start."""
        return processor_seconds(self.service.running.worker_pid)
