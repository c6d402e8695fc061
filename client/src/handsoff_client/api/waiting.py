"""Wait for a resource that the service produces on demand: a shard of a stream, an export of a batch."""

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from handsoff_client.http.service_errors import Unavailable

T = TypeVar("T")

WAIT_SECONDS = 30
"""How long the service holds one request."""


def poll(
    ask: Callable[[int, float | None], T], not_ready: type[Unavailable], timeout: timedelta | None
) -> T:
    """Call `ask` until it does not raise `not_ready`, and return its result.

    `ask` gets the number of seconds that the service may hold the request, and those that are left for retries (None:
    any). Raises `not_ready` after `timeout`, rounded up to full seconds (default: no timeout).
    """
    deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        held = WAIT_SECONDS if left is None else min(WAIT_SECONDS, math.ceil(left))
        try:
            return ask(held, left)
        except not_ready:
            if deadline is not None and time.monotonic() >= deadline:
                raise
