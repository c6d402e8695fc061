"""Bytes that are sent by a thread while they are still being made."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import Full, Queue
from typing import Protocol

PIECE_BYTES = 1024 * 1024
MAX_PIECES_WAITING = 16
LOOK_SECONDS = 0.5

Send = Callable[[Iterator[bytes]], object]


class Target(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> int:
        """Takes all of `data`."""


class Abandoned(Exception):
    """Whoever makes the bytes has failed: there will be no more."""


@contextmanager
def sending(send: Send) -> Iterator[Target]:
    """Something to write to while `send` takes the bytes on a thread; the block ends when `send` does.

    Where the block fails, `send` meets `Abandoned` at the end of its bytes. What `send` raises is raised by a write or
    by the end of the block.
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
    """Passes on what is written, in pieces. A writer that is far ahead waits, so memory is bounded."""

    def __init__(self, send: Send) -> None:
        self._written = bytearray()
        self._waiting: Queue[bytes | None] = Queue(MAX_PIECES_WAITING)
        self._is_whole = False
        thread = ThreadPoolExecutor(1, thread_name_prefix="sending")
        self.sent = thread.submit(send, self._pieces())
        thread.shutdown(wait=False)

    def write(self, data: bytes, /) -> int:
        """Raises what the sender has failed with."""
        self._written += data
        if len(self._written) >= PIECE_BYTES:
            self._pass_on(bytes(self._written))
            self._written.clear()
        if self.sent.done():
            self.sent.result()
        return len(data)

    def end(self, *, is_whole: bool) -> None:
        """No more will be written."""
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
        """Waits for room, but not for a sender that has failed."""
        while not self.sent.done():
            with suppress(Full):
                self._waiting.put(piece, timeout=LOOK_SECONDS)
                return
