"""Samples to a tar beside the rendering: encoded on threads while others are rendered, written in a given order.

The PNG encoder and SHA-256 release Python's lock, so they run while the main thread renders (JPEG keeps it, and is
short). The bytes are those of one thread: an encoder knows nothing but its sample, and the tar keeps its own order.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from types import TracebackType
from typing import Self

from workers.codecs.samples import Sample
from workers.codecs.tars import TarWriter
from workers.codecs.task import Files


class Packer:
    """Takes samples in any order and writes them in the order of `indices`, all of which must come.

    At most `max_waiting` samples are here unencoded: `put` waits for room, so memory is bounded where the encoders are
    slower than the device. An encoded sample waits for those before it in the tar.
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
        """Whatever happened, no thread is left."""
        self._pool.shutdown(cancel_futures=True)

    def put(self, sample: Sample) -> None:
        """Hands a sample over. Raises what went wrong with those before it."""
        self._room.acquire()
        self._packed.append(self._pool.submit(self._pack, sample))
        while self._packed and self._packed[0].done():
            self._packed.pop(0).result()

    def finish(self) -> None:
        """Waits until everything is in the tar; raises what went wrong."""
        for packed in self._packed:
            packed.result()
        if self._order:
            raise ValueError(
                f"the tar lacks samples {list(self._order)[:10]}; put every one of them"
            )

    def _pack(self, sample: Sample) -> None:
        try:
            files = self._encode(sample)
        finally:
            self._room.release()
        with self._writing:
            self._encoded[sample.index] = files
            while self._order and self._order[0] in self._encoded:
                self._tar.add(self._encoded.pop(self._order.popleft()))
