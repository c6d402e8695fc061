"""When to retry, and how long to wait before: exponential backoff with full jitter, at least `Retry-After`."""

import logging
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self

from handsoff_shards.errors import InvalidInput

log = logging.getLogger("handsoff_client")

RETRIED_STATUSES = frozenset({429, 502, 503, 504})


RETRY_VARIABLE = "HANDSOFF_RETRY_SECONDS"


@dataclass(frozen=True)
class Retries:
    """A request is repeated for `seconds`: long enough for a restart of the service, and of the machine below it.

    Before attempt k: a wait of 0 to `base_seconds` x 2^k, at most `longest_seconds`. Full jitter spreads the retries of
    many clients of one server. `Retry-After` is the minimum wait, up to `longest_after_seconds`. `attempts` limits
    their number, if given. A client without any answer so far gives up after `first_attempts` when it cannot connect:
    a wrong address is more likely than a stopped service.
    """

    seconds: float = 300.0
    attempts: int | None = None
    first_attempts: int | None = 2
    base_seconds: float = 0.5
    longest_seconds: float = 30.0
    longest_after_seconds: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def from_environment(cls, *, seconds: float = 300.0, first_attempts: int | None = 2) -> Self:
        """Return retries for the seconds in `HANDSOFF_RETRY_SECONDS` (0: none), by default for `seconds`.

        Raises `InvalidInput` for a value that is no number of seconds.
        """
        text = os.environ.get(RETRY_VARIABLE)
        chosen = seconds if text is None else retry_after_seconds(text)
        if chosen is None:
            raise InvalidInput(f"Expected seconds in {RETRY_VARIABLE}, such as 300, got '{text}'.")
        return cls(seconds=chosen, first_attempts=first_attempts)

    def begin(self, within: float | None = None) -> "Attempts":
        """Return the attempts of one request, which may last `within` seconds if the caller has a limit."""
        return Attempts(self, self.seconds if within is None else min(self.seconds, within))

    def delay_seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """Return the wait after the failed attempt number `attempt`, from 1."""
        highest = min(self.longest_seconds, self.base_seconds * 2 ** min(attempt, 30))
        jitter = random.uniform(0, highest)  # noqa: S311 - spreads load, needs no secrecy
        floor = retry_after_seconds(retry_after)
        if floor is None:
            return jitter
        return min(floor, self.longest_after_seconds) + min(jitter, self.base_seconds)


class Attempts:
    """The attempts of one request."""

    def __init__(self, retries: Retries, seconds: float) -> None:
        self._retries = retries
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Begin again: an attempt has made progress."""
        self._number = 1
        self._started = time.monotonic()
        self._paused = 0.0

    def are_left(self, *, is_first_contact: bool = False) -> bool:
        """Return whether the failed attempt may be followed by another."""
        limits = [
            self._retries.attempts,
            self._retries.first_attempts if is_first_contact else None,
        ]
        is_last = any(limit is not None and self._number >= limit for limit in limits)
        return not is_last and self._spent() < self._seconds

    def pause(self, why: object, retry_after: str | None = None) -> None:
        """Log `why` and wait before the next attempt: not beyond the limit, but at least `Retry-After`."""
        left = self._seconds - self._spent()
        seconds = self._retries.delay_seconds(self._number, retry_after)
        if not retry_after:
            seconds = min(seconds, max(0.0, left))
        log.warning("%s Retrying in %.0f s, for %.0f s at most.", why, seconds, left)
        self._retries.sleep(seconds)
        self._paused += seconds
        self._number += 1

    def note_success(self) -> None:
        """Log that a request was answered after failures, so that the log has no open end."""
        if self._number > 1:
            log.warning("Answered after %d attempts in %.0f s.", self._number, self._spent())

    def _spent(self) -> float:
        """Return the seconds so far. The pauses count even if `sleep` returns early, as in tests."""
        return max(self._paused, time.monotonic() - self._started)


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
