"""What a process used and has not noted in the store yet, by tenant. One note for each entry of a queue."""

from threading import Lock

import structlog

from contracts.accounts.usage import Usage
from contracts.errors.tree import StoreUnavailable
from state.store import Store
from state.usage.notes import NOTHING, note

log = structlog.get_logger()


class UsageMeter:
    """Sums up what entries used. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._usage: dict[str, Usage] = {}

    def add(self, tenant: str, usage: Usage) -> None:
        """Add what a tenant used."""
        with self._lock:
            self._usage[tenant] = self._usage.get(tenant, NOTHING) + usage

    def store(self, store: Store) -> None:
        """Note everything in the store. What cannot be stored is kept for the next call: no job fails for it."""
        with self._lock:
            pending, self._usage = self._usage, {}
        for tenant, usage in pending.items():
            try:
                note(store, tenant, usage)
            except (StoreUnavailable, OSError) as error:
                log.warning("usage is noted later", tenant=tenant, error=str(error))
                self.add(tenant, usage)
