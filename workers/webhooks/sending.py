"""Sends one signed message to a checked address. No redirect is followed, and the answer's body is not read.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com), by its own library.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from standardwebhooks.webhooks import Webhook

from contracts.accounts.webhooks import Attempt, Message
from contracts.base import now
from workers.outgoing.addresses import Network, RefusedAddress, Resolve, target_of
from workers.outgoing.requests import FAILURES, send_request

USER_AGENT = "HandsOff-Webhooks/1"
_SUCCESSES = range(200, 300)


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
        fields = headers(message, body, secrets, at)
        status = send_request(target, "POST", body, fields, seconds=timeout.total_seconds())
        error = None if status in _SUCCESSES else _why(status)
    except RefusedAddress as refused:
        error = f"refused: {refused}"
    except FAILURES as failed:
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


def _why(status: int) -> str:
    if status in range(300, 400):
        return f"the endpoint redirects ({status}), which is not followed"
    return f"the endpoint answered {status}"
