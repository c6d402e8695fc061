"""Counts the requests of each tenant in windows of a minute, and refuses those beyond its limit.

A request is counted in memory, so it waits for nothing. A thread adds the counts of all app processes up in Redis
every second: together they accept at most the requests of about a second too many. Without Redis each process counts
alone.
"""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta

import redis
import structlog

from contracts.errors.limits import TooManyRequests
from state import redis_keys
from state.ledger import Ledger

log = structlog.get_logger()

WINDOW_SECONDS = 60
SYNC_SECONDS = 1.0
_KEPT = timedelta(seconds=2 * WINDOW_SECONDS)
_JOIN_SECONDS = 5.0


@dataclass(frozen=True)
class Rate:
    """The state of a tenant's limit after a request: the remaining requests, and the seconds until the next window."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-11: the policy, and the rest of it."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"requests";r={self.remaining};t={self.reset_seconds}',
        }


CURRENT_RATE: ContextVar[Rate | None] = ContextVar("rate", default=None)
"""The limit of the request in whose context the code runs, for the headers of its answer."""


@dataclass
class _Count:
    """The requests of one tenant in one window: of this process, those sent to Redis, and of other processes."""

    window: int
    own: int = 0
    sent: int = 0
    others: int = 0


@dataclass
class RequestRates:
    """The counts of one app process. `take` is for the event loop; `sync` waits for Redis."""

    ledger: Ledger
    clock: Callable[[], float] = time.time
    _counts: dict[str, _Count] = field(default_factory=dict)
    _is_stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def take(self, tenant: str, limit: int | None) -> None:
        """Count a request. Raises `TooManyRequests` beyond the limit; a refused request is not counted."""
        if limit is None:
            self._counts.pop(tenant, None)
            return
        at = self.clock()
        window = int(at // WINDOW_SECONDS)
        count = self._counts.get(tenant)
        if count is None or count.window != window:
            count = self._counts[tenant] = _Count(window)
        reset = max(1, round((window + 1) * WINDOW_SECONDS - at))
        remaining = limit - count.own - count.others
        CURRENT_RATE.set(Rate(limit, max(0, remaining - 1), reset))
        if remaining <= 0:
            raise TooManyRequests(limit, reset)
        count.own += 1

    def sync(self) -> None:
        """Send the new requests to Redis, and read those of other processes. Raises `redis.RedisError`."""
        for tenant, count in list(self._counts.items()):
            own, key = count.own, redis_keys.requests(tenant, count.window)
            total = int(self.ledger.redis.incrby(key, own - count.sent))
            self.ledger.redis.expire(key, _KEPT)
            count.sent = own
            count.others = max(0, total - own)

    def start(self) -> None:
        """Sync in a thread until `close`."""
        self._thread = threading.Thread(target=self._run, name="rates", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._is_stopping.wait(SYNC_SECONDS):
            try:
                self.sync()
            except redis.RedisError as error:
                log.warning("requests are counted in this process only", error=str(error))
            except Exception:  # without the thread, processes would count alone for ever
                log.exception("requests could not be counted")
