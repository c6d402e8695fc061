"""One HTTP request to a checked address. No redirect is followed, and the answer's body is not read.

Addresses are chosen by callers, so nothing of an answer but its status may reach them.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from workers.outgoing.addresses import Target

FAILURES = (OSError, http.client.HTTPException, ValueError)
"""What a request raises when it gets no answer."""


class _Connection(http.client.HTTPConnection):
    """A connection to the checked address. TLS checks the certificate for the name of the URL."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target

    def connect(self) -> None:
        raw = socket.create_connection((self._target.address, self._target.port), self.timeout)
        if self._target.is_secure:
            context = ssl.create_default_context()
            raw = context.wrap_socket(raw, server_hostname=self._target.host)
        self.sock = raw


def send_request(
    target: Target,
    method: str,
    body: bytes | IO[bytes],
    headers: Mapping[str, str],
    *,
    seconds: float,
) -> int:
    """Return the status of the answer. A file needs the header `Content-Length`. Raises one of `FAILURES`.

    A timer ends connections that send or take a byte now and then: the request takes at most `seconds`.
    """
    connection = _Connection(target, seconds)
    timer = threading.Timer(seconds, _abort, [connection])
    timer.daemon = True
    timer.start()
    try:
        connection.request(method, target.path, body, {"Host": target.authority, **headers})
        return connection.getresponse().status
    finally:
        timer.cancel()
        connection.close()


def _abort(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
