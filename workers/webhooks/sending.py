"""Sends one signed message to a checked address. No redirect is followed, and the answer's body is not read.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com), by its own library.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from standardwebhooks.webhooks import Webhook

from contracts.accounts.webhooks import Attempt, Message
from contracts.base import now
from workers.webhooks.addresses import Network, RefusedAddress, Resolve, Target, target_of

USER_AGENT = "HandsOff-Webhooks/1"
_SUCCESSES = range(200, 300)


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


def send(
    url: str,
    message: Message,
    secrets: Sequence[str],
    *,
    timeout: timedelta,
    allowed: Sequence[Network] = (),
    resolve: Resolve | None = None,
) -> Attempt:
    """Send a message and return what happened. The whole attempt ends within about `timeout`."""
    at, began = now(), time.monotonic()
    status, error = None, None
    try:
        target = target_of(url, allowed, resolve) if resolve else target_of(url, allowed)
        body = message.model_dump_json().encode()
        status = _post(target, body, headers(message, body, secrets, at), timeout.total_seconds())
        error = None if status in _SUCCESSES else _why(status)
    except RefusedAddress as refused:
        error = f"refused: {refused}"
    except (OSError, http.client.HTTPException, ValueError) as failed:
        error = f"no answer: {type(failed).__name__}"
    seconds = round(time.monotonic() - began, 3)
    return Attempt(at=at, seconds=seconds, status=status, error=error)


def headers(message: Message, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers of a message: its id, the time, and a signature of each secret."""
    signatures = [Webhook(secret).sign(message.id, at, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _post(target: Target, body: bytes, fields: dict[str, str], seconds: float) -> int:
    """Return the status of the answer. A timer ends connections that send a byte now and then."""
    connection = _Connection(target, seconds)
    timer = threading.Timer(seconds, _abort, [connection])
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target.path, body, {"Host": target.authority, **fields})
        return connection.getresponse().status
    finally:
        timer.cancel()
        connection.close()


def _abort(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _why(status: int) -> str:
    if status in range(300, 400):
        return f"the endpoint redirects ({status}), which is not followed"
    return f"the endpoint answered {status}"
