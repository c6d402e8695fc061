"""Sends bytes on a thread while another thread still writes them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import Full, Queue
from typing import Protocol

PIECE_BYTES = 1024 * 1024
MAX_PIECES_WAITING = 16
POLL_SECONDS = 0.5

Send = Callable[[Iterator[bytes]], object]


class Target(Protocol):
    """An object with a `write` method, as a zip or a tar needs."""

    def write(self, data: bytes, /) -> int:
        """Write all of `data` and return its length."""


class WriterFailed(Exception):
    """The block that writes the bytes has failed, so they are incomplete."""


@contextmanager
def sending(send: Send) -> Iterator[Target]:
    """Yield a target; `send` takes the written bytes on a thread. The block ends when `send` returns.

    When the block fails, the iterator of `send` raises `WriterFailed`. An error of `send` is raised by a write or at
    the end of the block.
    """
    pipe = _Pipe(send)
    try:
        yield pipe
    except BaseException:
        pipe.end(is_complete=False)
        wait([pipe.sent])
        raise
    pipe.end(is_complete=True)
    pipe.sent.result()


class _Pipe:
    """Passes written bytes to the sender, in pieces. A writer that is far ahead waits, so memory is bounded."""

    def __init__(self, send: Send) -> None:
        self._buffer = bytearray()
        self._waiting: Queue[bytes | None] = Queue(MAX_PIECES_WAITING)
        self._is_complete = False
        thread = ThreadPoolExecutor(1, thread_name_prefix="sending")
        self.sent = thread.submit(send, self._pieces())
        thread.shutdown(wait=False)

    def write(self, data: bytes, /) -> int:
        """Write bytes. Raises the sender's error when it has failed."""
        self._buffer += data
        if len(self._buffer) >= PIECE_BYTES:
            self._pass_on(bytes(self._buffer))
            self._buffer.clear()
        if self.sent.done():
            self.sent.result()
        return len(data)

    def end(self, *, is_complete: bool) -> None:
        """End the bytes; `is_complete` is False when the writer has failed."""
        self._is_complete = is_complete
        if is_complete:
            self._pass_on(bytes(self._buffer))
        self._pass_on(None)

    def _pieces(self) -> Iterator[bytes]:
        while (piece := self._waiting.get()) is not None:
            yield piece
        if not self._is_complete:
            raise WriterFailed

    def _pass_on(self, piece: bytes | None) -> None:
        """Queue a piece. Waits while the queue is full, but not for a sender that has failed."""
        while not self.sent.done():
            with suppress(Full):
                self._waiting.put(piece, timeout=POLL_SECONDS)
                return
