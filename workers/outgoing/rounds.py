"""A thread of the reconciler that sends things out: all tenants in rounds, and between them what Redis announces."""

import random
import threading
from abc import ABC, abstractmethod
from datetime import timedelta

import structlog
from redis.exceptions import RedisError

from contracts.base import now
from contracts.errors.tree import StoreUnavailable

log = structlog.get_logger()

SCAN_INTERVAL = timedelta(minutes=1)
"""How often all tenants are looked at: for retries, and for what Redis has lost."""
JITTER = 0.2
WAIT_SECONDS = 1.0


class Rounds(ABC):
    """The thread. Its work is in the store, so no error and no lost Redis ends it. `what` names it in the log."""

    what: str

    def __init__(self) -> None:
        self.is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def scan(self) -> None:
        """Look at all tenants."""

    @abstractmethod
    def attend(self, seconds: float) -> None:
        """Wait for something new, at most `seconds`, and send it."""

    def start(self) -> None:
        """Send in a thread until `stop`."""
        self._thread = threading.Thread(target=self._run, name=self.what, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end after what it sends now. The rest is sent later."""
        self.is_stopping.set()

    def _run(self) -> None:
        scanned_at = now() - SCAN_INTERVAL
        while not self.is_stopping.is_set():
            try:
                if now() - scanned_at >= SCAN_INTERVAL:
                    scanned_at = now()
                    self.scan()
                else:
                    self.attend(WAIT_SECONDS)
            except (RedisError, StoreUnavailable) as error:
                log.warning(f"{self.what} wait", error=str(error))
                self.is_stopping.wait(WAIT_SECONDS)
            except Exception:  # the next round may succeed
                log.exception(f"a round of {self.what} failed")
                self.is_stopping.wait(WAIT_SECONDS)


def spread(wait: timedelta) -> timedelta:
    """Return a wait changed at random by a fifth at most, so that repeated attempts do not come together."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load
