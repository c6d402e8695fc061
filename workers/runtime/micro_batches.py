"""Work in micro-batches that fit the memory: counted beforehand on a CPU, halved inside the job on a full device."""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog
import torch

from contracts.errors.jobs import OutOfMemory
from workers.runtime.metrics import OUT_OF_MEMORY

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")


class MicroBatches:
    """Sizes of micro-batches; remembers the size that fitted, for each kind of work and network.

    A full accelerator raises an error. On a full CPU the process is killed, so `memory_bytes` is a limit there.
    """

    def __init__(self, largest: int, memory_bytes: int | None = None) -> None:
        self._largest, self._memory_bytes = largest, memory_bytes
        self._fitting: dict[tuple[str, str], int] = {}

    def max_size(self, item_bytes: int) -> int:
        """Return the largest micro-batch of items that take `item_bytes` each, at least 1."""
        if self._memory_bytes is None:
            return self._largest
        return max(1, min(self._largest, self._memory_bytes // item_bytes))

    def run(
        self,
        name: str,
        digest: str,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], Result],
        *,
        largest: int,
    ) -> Iterator[Result]:
        """Yield the result of each chunk of at most `largest` items, in order. `digest` is that of the network.

        Raises `OutOfMemory` when a single item does not fit.
        """
        start = 0
        while start < len(items):

            def next_chunk(size: int, start: int = start) -> tuple[int, Result]:
                chunk = items[start : start + size]
                return len(chunk), work(chunk)

            most = min(largest, len(items) - start)
            count, result = self.shrinking(name, digest, next_chunk, largest=most)
            yield result
            start += count

    def shrinking(
        self, name: str, digest: str, work: Callable[[int], Result], *, largest: int
    ) -> Result:
        """Return `work(size)`. The size starts at `largest` or the last one that fitted, and is halved until it fits.

        Raises `OutOfMemory` when a size of 1 does not fit.
        """
        while True:
            size = min(largest, self._fitting.get((name, digest), largest))
            result = _unless_out_of_memory(work, size)
            if result is not None:
                return result
            # The frame whose traceback kept the tensors alive has ended, so they can be freed now.
            gc.collect()
            torch.cuda.empty_cache()
            self._fitting[name, digest] = _halved(name, size)


def _halved(name: str, size: int) -> int:
    OUT_OF_MEMORY.labels(name).inc()
    if size == 1:
        raise OutOfMemory(
            f"Out of memory while {name}: one image at a time does not fit the device."
            " Use a larger device or a smaller generator."
        )
    log.warning("out of memory, micro-batch halved", work=name, micro_batch=size // 2)
    return size // 2


def _unless_out_of_memory(work: Callable[[int], Result], size: int) -> Result | None:
    try:
        return work(size)
    except torch.OutOfMemoryError:
        return None
