"""Work in micro-batches that shrink when the device runs out of memory: halved inside the job, never below one item."""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog
import torch

from contracts.errors import OutOfMemory

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")


class MicroBatches:
    """Remembers, for each piece of work, the micro-batch that fitted the device last time."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._fitting: dict[str, int] = {}

    def run(
        self, name: str, items: Sequence[Item], work: Callable[[Sequence[Item]], Result]
    ) -> Iterator[Result]:
        """The result of each chunk of items, in order. Raises `OutOfMemory` when not even one item fits."""
        start = 0
        while start < len(items):
            size = self._fitting.get(name, self._largest)
            chunk = items[start : start + size]
            result = _unless_out_of_memory(work, chunk)
            if result is not None:
                yield result
                start += len(chunk)
                continue
            # Outside the frame whose traceback kept the tensors alive, so they can be freed now.
            gc.collect()
            torch.cuda.empty_cache()
            self._fitting[name] = self._halved(name, len(chunk))

    def _halved(self, name: str, size: int) -> int:
        if size == 1:
            raise OutOfMemory(
                f"Not even one image of {name} fits the device's memory. Use a larger device or a smaller generator."
            )
        log.warning("out of memory: micro-batch halved", work=name, micro_batch=size // 2)
        return size // 2


def _unless_out_of_memory(
    work: Callable[[Sequence[Item]], Result], chunk: Sequence[Item]
) -> Result | None:
    try:
        return work(chunk)
    except torch.OutOfMemoryError:
        return None
