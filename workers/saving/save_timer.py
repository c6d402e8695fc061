"""When a state is due to be saved: after an interval, or less often where saving takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

LONGEST_SHARE = 0.05
"""Of the time, at most, is spent on saving states: large networks are saved less often than every interval."""


class SaveTimer:
    """Measures how long saving takes. `longest_share` replaces `LONGEST_SHARE`."""

    def __init__(self, interval: timedelta, longest_share: float | None = None) -> None:
        self._interval, self._longest_share = interval.total_seconds(), longest_share
        self._saved_at = time.monotonic()
        self._took = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the next state should be saved."""
        share = LONGEST_SHARE if self._longest_share is None else self._longest_share
        wait = max(self._interval, self._took / share)
        return time.monotonic() - self._saved_at >= wait

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measure the time of saving a state inside a `with` block."""
        began = time.monotonic()
        yield
        self._saved_at = time.monotonic()
        self._took = self._saved_at - began
