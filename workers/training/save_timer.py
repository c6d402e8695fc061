"""When a running training saves its state: every interval, and less often if saving takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

LONGEST_SHARE = 0.05
"""Of the time, at most, is spent on saving states: large networks are saved less often than every interval."""


class SaveTimer:
    """Measures how long saving takes, and when the next state is due."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval.total_seconds()
        self._saved_at = time.monotonic()
        self._took = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the next state should be saved."""
        wait = max(self._interval, self._took / LONGEST_SHARE)
        return time.monotonic() - self._saved_at >= wait

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measure the time of saving a state inside a `with` block."""
        began = time.monotonic()
        yield
        self._saved_at = time.monotonic()
        self._took = self._saved_at - began
