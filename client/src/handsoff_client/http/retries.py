"""When to retry, and how long to wait before: exponential backoff with full jitter, at least `Retry-After`."""

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
    """At most `attempts` attempts. Before attempt k: a wait of 0 to `base_seconds` x 2^k, at most `longest_seconds`.

    Full jitter spreads the retries of many clients of one server. `Retry-After` is the minimum wait, up to
    `longest_after_seconds`. A client without any answer so far gives up after `first_attempts` when it cannot connect:
    a wrong address is more likely than a stopped service.
    """

    attempts: int = 6
    first_attempts: int = 2
    base_seconds: float = 0.5
    longest_seconds: float = 30.0
    longest_after_seconds: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def is_left(self, attempt: int, *, is_first_contact: bool = False) -> bool:
        """Return True when attempt number `attempt`, from 1, may be followed by another."""
        most = min(self.first_attempts, self.attempts) if is_first_contact else self.attempts
        return attempt < most

    def pause(self, attempt: int, why: object, retry_after: str | None = None) -> None:
        """Log `why` and wait after the failed attempt number `attempt`, from 1."""
        seconds = self.delay_seconds(attempt, retry_after)
        log.warning("%s Retrying in %.0f s.", why, seconds)
        self.sleep(seconds)

    def delay_seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """Return the wait after the failed attempt number `attempt`, from 1."""
        highest = min(self.longest_seconds, self.base_seconds * 2**attempt)
        jitter = random.uniform(0, highest)  # noqa: S311 - spreads load, needs no secrecy
        floor = retry_after_seconds(retry_after)
        if floor is None:
            return jitter
        return min(floor, self.longest_after_seconds) + min(jitter, self.base_seconds)


def retry_after_seconds(header: str | None) -> float | None:
    """Return `Retry-After` (RFC 9110, section 10.2.3: a number or a date) in seconds; None if absent or malformed."""
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
