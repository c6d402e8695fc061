"""The keys of an identity provider in the memory of one app process. A thread reads them every five minutes.

A request only looks at them, so it never waits for the provider. If the provider does not answer, the last keys are
used for an hour. A token with an unknown key asks for one earlier reading in a minute.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app.access.identity.documents import IssuerError
from app.access.identity.provider import Provider
from app.access.identity.signing_keys import SigningKey, read_signing_keys
from contracts.errors.tree import Unavailable

log = structlog.get_logger()

REFRESH_SECONDS = 300.0
RETRY_SECONDS = 10.0
"""The pause after a reading that failed."""
ASK_SECONDS = 60.0
"""The shortest time between a reading and another one that a token with an unknown key asks for."""
MAX_AGE_SECONDS = 3600.0
"""How long the last keys are used when the provider does not answer. Tokens get 503 afterwards."""
_START_SECONDS = 2.0
_JOIN_SECONDS = 5.0


@dataclass(frozen=True)
class _Reading:
    keys: tuple[SigningKey, ...] = ()
    read_at: float = -math.inf


class KeySource:
    """The keys of one provider. `current` and `ask` are for the event loop; the others wait for the provider."""

    def __init__(self, provider: Provider, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._clock = clock
        self._reading = _Reading()
        self._began_at = -math.inf
        self._wake, self._is_tried = threading.Event(), threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read in a thread until `close`. Waits a moment for the first reading; the provider may be away."""
        self._thread = threading.Thread(target=self._run, name="issuer", daemon=True)
        self._thread.start()
        self._is_tried.wait(_START_SECONDS)

    def close(self) -> None:
        """End the thread."""
        self._is_stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def current(self) -> tuple[SigningKey, ...]:
        """Return the last keys. Raises `Unavailable` when they are too old."""
        reading = self._reading
        if self._clock() - reading.read_at > MAX_AGE_SECONDS:
            raise Unavailable(
                "The keys of the identity provider cannot be read, so tokens cannot be checked. Retry in some seconds,"
                " or use an API key."
            ).retryable_after(RETRY_SECONDS)
        return reading.keys

    def ask(self) -> None:
        """Ask for an earlier reading, unless one began in the last minute."""
        if self._clock() - self._began_at >= ASK_SECONDS:
            self._wake.set()

    def refresh(self) -> None:
        """Read the keys now. Raises `IssuerError`; the last keys stay."""
        self._began_at = began_at = self._clock()
        self._reading = _Reading(read_signing_keys(self._provider), began_at)

    def _run(self) -> None:
        while not self._is_stopping:
            pause = REFRESH_SECONDS if self._try_refresh() else RETRY_SECONDS
            self._is_tried.set()
            self._wake.wait(pause)
            self._wake.clear()

    def _try_refresh(self) -> bool:
        """Read the keys, and return whether that succeeded. The thread must survive every error."""
        try:
            self.refresh()
        except IssuerError as error:
            log.warning("the keys of the identity provider cannot be read", error=str(error))
        except Exception:
            log.exception("the keys of the identity provider cannot be read")
        else:
            return True
        return False
