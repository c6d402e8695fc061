"""Connections to Redis whose calls have a time budget and share a circuit breaker.

A Redis that hangs accepts connections and answers nothing. Without a breaker each call would wait for its timeout, and
a few requests would occupy all threads of the process.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.connection import Connection
from redis.retry import Retry

from state.process.metrics import REDIS_ERRORS

T = TypeVar("T")

TIMEOUT, BUDGET = timedelta(seconds=5), timedelta(seconds=15)
"""The defaults are for workers: a job is worth a longer wait than a request."""

_RETRIES = 2
_LONGEST_BACKOFF_SECONDS = 0.5
PAUSE = timedelta(seconds=1)
"""How long all calls fail at once after one has spent its budget. Then one call tries again, alone."""


class RedisCalls(Retry):
    """The budget of every call, and the breaker of all connections from `connect`. Safe to share between threads.

    `timeout` limits one connection attempt and one read. A call is sent again on a new connection, up to twice, until
    `budget` is spent.
    """

    def __init__(self, timeout: timedelta = TIMEOUT, budget: timedelta = BUDGET) -> None:
        super().__init__(ExponentialBackoff(cap=_LONGEST_BACKOFF_SECONDS), _RETRIES)
        self._timeout_seconds = timeout.total_seconds()
        self._budget_seconds = budget.total_seconds()
        self._lock = threading.Lock()
        self._reopens_at = 0.0
        """When the next call may try, in monotonic seconds; 0 while Redis answers."""
        self._thread = threading.local()

    def __deepcopy__(self, _: object) -> "RedisCalls":
        """Return the same object: redis-py copies it for each connection, and the breaker must be shared."""
        return self

    def connect(self, url: str, *, decode_responses: bool = False) -> "redis.Redis":
        """Return a client of the Redis at `url`. It connects on first use."""
        pool = _Pool.from_url(
            url,
            decode_responses=decode_responses,
            socket_connect_timeout=self._timeout_seconds,
            socket_timeout=self._timeout_seconds,
            retry=self,
        )
        return redis.Redis.from_pool(pool)

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Connect in the block. Raises `redis.ConnectionError` at once while Redis hangs."""
        with self._noting_errors():
            self._admit()
            yield

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 - the signature of redis-py
    ) -> T:
        """Call `do`, and again after a lost connection. redis-py sends each command and each pipeline through here."""
        if getattr(self._thread, "is_busy", False):  # connecting, as a part of another call
            return do()
        deadline = time.monotonic() + self._budget_seconds

        def may_repeat(error: Exception) -> bool:
            is_allowed = is_retryable is None or is_retryable(error)
            return is_allowed and time.monotonic() < deadline

        with self._noting_errors():
            result = super().call_with_retry(do, fail, may_repeat, with_failure_count)
        self._reopens_at = 0.0
        return result

    def _admit(self) -> None:
        """Raise while Redis hangs. After each pause one call is admitted, which finds out whether it answers again."""
        with self._lock:
            at = time.monotonic()
            if self._reopens_at > at:
                raise redis.ConnectionError("Redis has not answered within its time limit")
            if self._reopens_at:
                self._reopens_at = at + self._budget_seconds + PAUSE.total_seconds()

    @contextmanager
    def _noting_errors(self) -> Iterator[None]:
        """Count errors of Redis, and open the breaker after a timeout."""
        self._thread.is_busy = True
        try:
            yield
        except (redis.RedisError, TimeoutError) as error:
            REDIS_ERRORS.labels(type(error).__name__).inc()
            if isinstance(error, redis.TimeoutError | TimeoutError):
                self._reopens_at = time.monotonic() + PAUSE.total_seconds()
            raise
        finally:
            self._thread.is_busy = False


class _Pool(redis.ConnectionPool):
    """A pool that asks the breaker before it hands out a connection. Every command and pipeline takes one first."""

    def get_connection(self, *names: Any, **options: Any) -> Connection:  # noqa: ANN401 - passed through to redis-py
        calls: RedisCalls = self.connection_kwargs["retry"]
        with calls.connecting():
            connection: Connection = super().get_connection(*names, **options)
        return connection
