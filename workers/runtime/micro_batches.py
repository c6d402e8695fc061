"""Work in micro-batches that fit the memory: counted beforehand on a CPU, halved inside the job on a full device."""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog
import torch

from contracts.errors.jobs import OutOfMemory

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")


class MicroBatches:
    """Remembers, for each piece of work and network, the micro-batch that fitted the device last time.

    An accelerator says when it is full. A CPU does not, the process is killed: there `memory_bytes` is the limit.
    """

    def __init__(self, largest: int, memory_bytes: int | None = None) -> None:
        self._largest, self._memory_bytes = largest, memory_bytes
        self._fitting: dict[tuple[str, str], int] = {}

    def most(self, item_bytes: int) -> int:
        """How many items that take so much memory are worked on at once, at least one."""
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
        """The result of each chunk of at most `largest` items, in order. `digest` is that of the network that works.

        Raises `OutOfMemory` when not even one item fits.
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
        """The result of `work(size)`, `size` being `largest` or what fitted last time, halved until it fits.

        Raises `OutOfMemory` when not even a size of one does.
        """
        while True:
            size = min(largest, self._fitting.get((name, digest), largest))
            result = _unless_out_of_memory(work, size)
            if result is not None:
                return result
            # Outside the frame whose traceback kept the tensors alive, so they can be freed now.
            gc.collect()
            torch.cuda.empty_cache()
            self._fitting[name, digest] = _halved(name, size)


def _halved(name: str, size: int) -> int:
    if size == 1:
        raise OutOfMemory(
            f"Out of memory while {name}: not even one image at a time fits the device."
            " Use a larger device or a smaller generator."
        )
    log.warning("out of memory: micro-batch halved", work=name, micro_batch=size // 2)
    return size // 2


def _unless_out_of_memory(work: Callable[[int], Result], size: int) -> Result | None:
    try:
        return work(size)
    except torch.OutOfMemoryError:
        return None
