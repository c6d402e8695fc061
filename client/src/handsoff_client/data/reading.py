"""Samples of a source in any order, from shards that are fetched before they are needed."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from handsoff_client.data.order import Order
from handsoff_client.data.sources import ShardSource
from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import Files
from handsoff_shards.tars import ShardReader

OPEN_SHARDS = 3


class SampleReader:
    """Reads samples by their position in an order, and fetches the next `prefetch` shards meanwhile, in threads."""

    def __init__(self, source: ShardSource, order: Order, *, prefetch: int) -> None:
        self._source = source
        self._order = order
        self._prefetch = prefetch
        self._threads = ThreadPoolExecutor(max(1, prefetch), thread_name_prefix="handsoff-shards")
        self._coming: dict[int, Future[Path]] = {}
        self._open: OrderedDict[int, ShardReader] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for reader in self._open.values():
            reader.close()

    def read(self, position: int) -> Files:
        """The files of the sample at a position."""
        shard, place = self._order[position]
        if shard not in self._open:
            self._enter(shard, position)
        return self._open[shard][place]

    def _enter(self, shard: int, position: int) -> None:
        """Opens a shard, asks for those that follow, and closes the one that was opened longest ago."""
        wanted = self._ask_for(shard)
        for following in self._order.coming(position, self._prefetch):
            self._ask_for(following)
        self._open[shard] = reader = ShardReader(wanted.result())
        del self._coming[shard]
        if len(reader) != self._source.sizes[shard]:
            raise InvalidInput(
                f"Shard {shard} holds {len(reader)} samples, but {self._source.sizes[shard]} were promised."
            )
        if len(self._open) > OPEN_SHARDS:
            self._open.popitem(last=False)[1].close()

    def _ask_for(self, shard: int) -> Future[Path]:
        if shard not in self._coming:
            self._coming[shard] = self._threads.submit(self._source.path, shard)
        return self._coming[shard]
