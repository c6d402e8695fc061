"""Checks whether the store can be read and written. Writes cost money in a bucket, so they are rare."""

import math
import time
from datetime import timedelta

from contracts.errors.tree import StoreUnavailable
from state import keys
from state.store import Store

WRITE_INTERVAL = timedelta(minutes=1)
"""The longest delay until a full disk or lost write permission is noticed."""


class StoreProbe:
    """Remembers when it last wrote. After a failure every check writes, so a recovery is noticed at once."""

    def __init__(self, store: Store, interval: timedelta = WRITE_INTERVAL) -> None:
        self._store = store
        self._interval_seconds = interval.total_seconds()
        self._wrote_at = -math.inf

    def is_usable(self) -> bool:
        """Return whether a write succeeds now, or succeeded within the interval and a read succeeds now."""
        try:
            if time.monotonic() - self._wrote_at < self._interval_seconds:
                self._store.head(keys.PROBE)
            else:
                self._store.put(keys.PROBE, b"{}")
                self._wrote_at = time.monotonic()
        # Forget the last write, so that the next check writes.
        except StoreUnavailable:
            self._wrote_at = -math.inf
            return False
        return True
