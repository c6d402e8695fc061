"""Collects audit entries in memory and appends them to the store every second, in a thread.

A request does not wait for it. A process that is killed loses the entries of its last second; they are in its log.
While the store is away, the newest entries are kept in memory.
"""

import threading
from collections import deque

import structlog

from contracts.access.audit import AuditEntry
from state.audit import entries
from state.store import Store

log = structlog.get_logger()

FLUSH_SECONDS = 1.0
MAX_KEPT = 100_000
_JOIN_SECONDS = 5.0


class AuditLog:
    """The entries of one app process. `add` is for the event loop; `flush` waits for the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: deque[AuditEntry] = deque(maxlen=MAX_KEPT)
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, entry: AuditEntry) -> None:
        """Keep an entry for the next flush, and log it."""
        log.info("audit", **entry.model_dump(mode="json", exclude={"at", "request_id"}))
        self._kept.append(entry)

    def flush(self) -> None:
        """Append the kept entries to the store. After an error they are kept, and may be stored twice."""
        with self._lock:
            taken = [self._kept.popleft() for _ in range(len(self._kept))]
            try:
                entries.append(self._store, taken)
            except BaseException:
                self._kept.extendleft(reversed(taken))
                raise

    def start(self) -> None:
        """Flush in a thread until `close`."""
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and store the remaining entries."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._try_flush()

    def _run(self) -> None:
        while not self._is_stopping.wait(FLUSH_SECONDS):
            self._try_flush()

    def _try_flush(self) -> None:
        try:
            self.flush()
        except Exception:  # the next one may succeed, and the thread must survive
            log.exception("audit entries are stored later", num=len(self._kept))
