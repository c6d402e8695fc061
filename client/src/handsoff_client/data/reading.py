"""Read the samples of a source in an order. The next shards are fetched ahead."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from handsoff_client.data.order import Order
from handsoff_client.data.sources import ShardSource
from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import Files
from handsoff_shards.tars import ShardReader

OPEN_SHARDS = 3


class SampleReader:
    """Reads samples by their position in an order. Threads fetch the next `prefetch` shards at the same time."""

    def __init__(self, source: ShardSource, order: Order, *, prefetch: int) -> None:
        self._source = source
        self._order = order
        self._prefetch = prefetch
        self._threads = ThreadPoolExecutor(max(1, prefetch), thread_name_prefix="handsoff-shards")
        self._fetching: dict[int, Future[Path]] = {}
        self._open: OrderedDict[int, ShardReader] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for reader in self._open.values():
            reader.close()

    def read(self, position: int) -> Files:
        """Return the files of the sample at a position."""
        shard, place = self._order[position]
        if shard not in self._open:
            self._open_shard(shard, position)
        return self._open[shard][place]

    def _open_shard(self, shard: int, position: int) -> None:
        """Open a shard, fetch the next ones, and close the one that was opened first."""
        path = self._fetch(shard)
        for following in self._order.next_shards(position, self._prefetch):
            self._fetch(following)
        self._open[shard] = reader = ShardReader(path.result())
        del self._fetching[shard]
        if len(reader) != self._source.sizes[shard]:
            raise InvalidInput(
                f"Expected {self._source.sizes[shard]} samples in shard {shard}, got {len(reader)}."
            )
        if len(self._open) > OPEN_SHARDS:
            self._open.popitem(last=False)[1].close()

    def _fetch(self, shard: int) -> Future[Path]:
        if shard not in self._fetching:
            self._fetching[shard] = self._threads.submit(self._source.path, shard)
        return self._fetching[shard]
