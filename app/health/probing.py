"""Whether the store gives and takes objects. Supervisors ask often; what a bucket charges for is done seldom."""

import math
import time
from datetime import timedelta

from contracts.errors.tree import StoreUnavailable
from state import keys
from state.store import Store

WRITE_INTERVAL = timedelta(minutes=1)
"""A full disk or a lost right to write is seen so late at most: by then some create has met it."""


class StoreProbe:
    """Remembers when it last wrote. After a failure every question writes, so the end of the trouble is seen too."""

    def __init__(self, store: Store, interval: timedelta = WRITE_INTERVAL) -> None:
        self._store = store
        self._interval_seconds = interval.total_seconds()
        self._wrote_at = -math.inf

    def is_usable(self) -> bool:
        """True when an object could be written just now, or within the interval and one can be read now."""
        try:
            if time.monotonic() - self._wrote_at < self._interval_seconds:
                self._store.head(keys.PROBE)
            else:
                self._store.put(keys.PROBE, b"{}")
                self._wrote_at = time.monotonic()
        except StoreUnavailable:
            self._wrote_at = -math.inf
            return False
        return True
