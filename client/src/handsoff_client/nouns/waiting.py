"""The wait for something that the service makes when it is asked for: a shard of a stream, an archive of a batch."""

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from handsoff_client.http.service_errors import Unavailable

T = TypeVar("T")

WAIT_SECONDS = 30
"""How long one request waits at the service."""


def ask_until_there(
    ask: Callable[[int], T], not_ready: type[Unavailable], timeout: timedelta | None
) -> T:
    """What `ask` gives, which is told how many seconds the service may wait.

    Raises `not_ready` when it is not there after `timeout`, to the next full second (without one, it asks for as long
    as it takes).
    """
    deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
    while True:
        left = WAIT_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            return ask(min(WAIT_SECONDS, math.ceil(left)))
        except not_ready:
            if deadline is not None and time.monotonic() >= deadline:
                raise
