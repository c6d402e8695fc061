"""Write samples to a tar during rendering: threads encode them, and the tar gets them in a given order.

The PNG encoder and SHA-256 release Python's lock, so they run while the main thread renders (JPEG keeps the lock, but
is fast). The bytes are the same as with one thread: an encoder depends only on its sample, and the order is fixed.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from types import TracebackType
from typing import Self

from handsoff_shards.members import Files
from workers.codecs.samples import Sample
from workers.codecs.tars import TarWriter


class Packer:
    """Takes samples in any order and writes them in the order of `indices`. Every index must be put.

    At most `max_waiting` samples wait for encoding: `put` blocks until there is room, so memory is bounded when the
    encoders are slower than the device. An encoded sample waits for the samples before it in the tar.
    """

    def __init__(
        self,
        tar: TarWriter,
        indices: Iterable[int],
        encode: Callable[[Sample], Files],
        *,
        num_threads: int,
        max_waiting: int,
    ) -> None:
        self._tar, self._encode = tar, encode
        self._order = deque(indices)
        self._encoded: dict[int, Files] = {}
        self._writing = Lock()
        self._room = BoundedSemaphore(max_waiting)
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="packing")
        self._packed: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all threads, also after an error."""
        self._pool.shutdown(cancel_futures=True)

    def put(self, sample: Sample) -> None:
        """Queue a sample. Raises the error of an earlier sample."""
        self._room.acquire()
        self._packed.append(self._pool.submit(self._pack, sample))
        while self._packed and self._packed[0].done():
            self._packed.pop(0).result()

    def finish(self) -> None:
        """Wait until every sample is in the tar. Raises the error of a sample, and `ValueError` for missing samples."""
        for packed in self._packed:
            packed.result()
        if self._order:
            raise ValueError(
                f"the tar lacks samples {list(self._order)[:10]}; put every sample before `finish`"
            )

    def _pack(self, sample: Sample) -> None:
        try:
            files = self._encode(sample)
        finally:
            self._room.release()
        with self._writing:
            self._encoded[sample.index] = files
            while self._order and self._order[0] in self._encoded:
                index = self._order.popleft()
                self._tar.add(index, self._encoded.pop(index))
