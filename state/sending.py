"""Sends bytes on a thread while the caller still produces them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import Full, Queue
from typing import Protocol

PIECE_BYTES = 1024 * 1024
MAX_PIECES_WAITING = 16
CHECK_SECONDS = 0.5

Send = Callable[[Iterator[bytes]], object]


class Target(Protocol):
    """Something with a `write` method."""

    def write(self, data: bytes, /) -> int:
        """Accept all of `data`."""


class Abandoned(Exception):
    """The producer of the bytes has failed, so no more follow."""


@contextmanager
def sending(send: Send) -> Iterator[Target]:
    """Yield a target to write to. `send` reads the bytes on a thread, and the block ends when `send` does.

    When the block fails, `send` gets `Abandoned` at the end of its bytes. An error of `send` is raised by a write or by
    the end of the block.
    """
    pipe = _Pipe(send)
    try:
        yield pipe
    except BaseException:
        pipe.end(is_whole=False)
        wait([pipe.sent])
        raise
    pipe.end(is_whole=True)
    pipe.sent.result()


class _Pipe:
    """Passes written bytes on in pieces. A writer that is far ahead waits, so memory is bounded."""

    def __init__(self, send: Send) -> None:
        self._written = bytearray()
        self._waiting: Queue[bytes | None] = Queue(MAX_PIECES_WAITING)
        self._is_whole = False
        thread = ThreadPoolExecutor(1, thread_name_prefix="sending")
        self.sent = thread.submit(send, self._pieces())
        thread.shutdown(wait=False)

    def write(self, data: bytes, /) -> int:
        """Write bytes. Raises the error of a sender that has failed."""
        self._written += data
        if len(self._written) >= PIECE_BYTES:
            self._pass_on(bytes(self._written))
            self._written.clear()
        if self.sent.done():
            self.sent.result()
        return len(data)

    def end(self, *, is_whole: bool) -> None:
        """Mark the end of the bytes."""
        self._is_whole = is_whole
        if is_whole:
            self._pass_on(bytes(self._written))
        self._pass_on(None)

    def _pieces(self) -> Iterator[bytes]:
        while (piece := self._waiting.get()) is not None:
            yield piece
        if not self._is_whole:
            raise Abandoned

    def _pass_on(self, piece: bytes | None) -> None:
        """Wait for room, but not for a sender that has failed."""
        while not self.sent.done():
            with suppress(Full):
                self._waiting.put(piece, timeout=CHECK_SECONDS)
                return
