"""When to ask again, and how long to wait before: exponential, with full jitter, and never less than `Retry-After`."""

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

log = logging.getLogger("handsoff_client")

RETRIED_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """At most `attempts` tries; before try k a wait of 0 to `base_seconds` x 2^k, never over `longest_seconds`.

    Full jitter keeps a thousand clients that lost the same server from coming back as one. `Retry-After` is a floor,
    up to `longest_after_seconds`. A client that has had no answer yet gives up after `first_attempts` when no
    connection can be made: the address is wrong more often than the service is away.
    """

    attempts: int = 6
    first_attempts: int = 2
    base_seconds: float = 0.5
    longest_seconds: float = 30.0
    longest_after_seconds: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def is_left(self, attempt: int, *, is_first_contact: bool = False) -> bool:
        """Return True when try number `attempt`, from 1, may be followed by another."""
        most = min(self.first_attempts, self.attempts) if is_first_contact else self.attempts
        return attempt < most

    def pause(self, attempt: int, why: object, retry_after: str | None = None) -> None:
        """Waits after the failed try number `attempt`, from 1, and logs why."""
        seconds = self.delay_seconds(attempt, retry_after)
        log.warning("%s Trying again in %.0f s.", why, seconds)
        self.sleep(seconds)

    def delay_seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """How long to wait after the failed try number `attempt`, from 1."""
        highest = min(self.longest_seconds, self.base_seconds * 2**attempt)
        jitter = random.uniform(0, highest)  # noqa: S311 - spreads load, guards nothing
        floor = retry_after_seconds(retry_after)
        if floor is None:
            return jitter
        return min(floor, self.longest_after_seconds) + min(jitter, self.base_seconds)


def retry_after_seconds(header: str | None) -> float | None:
    """`Retry-After` (RFC 9110, section 10.2.3) in seconds: a number or a date; None when absent or malformed."""
    if not header:
        return None
    try:
        seconds = float(header)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())
