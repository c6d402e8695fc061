"""A TCP proxy that can be slow: it holds back each piece of data by `delay_seconds`, in both directions."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from examples.demo.redis_access import LOOPBACK

PIECE_BYTES = 64 * 1024


class SlowProxy:
    """A listener on a free loopback port that forwards to another port."""

    def __init__(self, target_port: int) -> None:
        self.delay_seconds = 0.0
        self._target = (LOOPBACK, target_port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no further connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                accepted, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, suppress(OSError), socket.create_connection(self._target) as forwarded:
            back = threading.Thread(target=self._copy, args=(forwarded, accepted), daemon=True)
            back.start()
            self._copy(accepted, forwarded)
            back.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        """Copy until the source ends or either side breaks, and pass the end on."""
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                time.sleep(self.delay_seconds)
                target.sendall(piece)
        for side, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
            with suppress(OSError):
                side.shutdown(how)


@contextmanager
def slow_proxy(target_port: int) -> Iterator[SlowProxy]:
    """Yield a proxy in front of a loopback port."""
    with closing(SlowProxy(target_port)) as proxy:
        yield proxy
