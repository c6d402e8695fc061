"""Waits for entries of Redis streams: events of jobs, and news of items made on demand.

One reader per process, with one connection, reads the streams of all listeners and hands each its entries. A listener
occupies neither a thread nor a connection. Entries only shorten a wait: callers also check the store and the clock.
"""

import asyncio
import contextvars
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import cast

import redis
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.typing import KeyT, StreamIdT

log = structlog.get_logger()

CHECK_SECONDS = 2.0
"""The longest wait for entries. Then the caller checks the store: Redis may have lost an entry, or be away."""

_BLOCK_MILLISECONDS = 100
"""The longest read. Streams of new listeners are read from the next one on."""
_PAUSE_SECONDS = 1.0
"""The pause after a failed read."""
_READ_COUNT = 100
"""The most entries of one stream in one read."""
_MAX_WAITING = 500
"""A listener that takes no entries, such as a slow browser, is skipped from here on and continues later."""

Entry = tuple[str, dict[str, str]]
"""The id of an entry, and its fields."""
Streams = list[tuple[str, list[Entry]]]
"""Keys, and the entries of each."""


class Subscription:
    """The entries of one stream after the id `after`, for one listener."""

    def __init__(self, key: str, after: str) -> None:
        self.key = key
        self.after = after
        """The id of the last entry that was handed over."""
        self._waiting: deque[Entry] = deque()
        self._changed = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Whether it takes more entries."""
        return len(self._waiting) < _MAX_WAITING

    def offer(self, entries: Iterable[Entry]) -> None:
        """Hand over entries in order. Those up to `after` are ignored."""
        newer = [entry for entry in entries if _number(entry[0]) > _number(self.after)]
        if newer:
            self._waiting.extend(newer)
            self.after = newer[-1][0]
            self._changed.set()

    def wake(self) -> None:
        """End the present wait."""
        self._changed.set()

    async def next(self, seconds: float = CHECK_SECONDS) -> list[Entry]:
        """Return the next entries; none after `seconds`, at most `CHECK_SECONDS`, or when the process stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, CHECK_SECONDS)):
                await self._changed.wait()
        self._changed.clear()
        entries = list(self._waiting)
        self._waiting.clear()
        return entries

    async def wait_for(self, is_wanted: Callable[[dict[str, str]], bool], seconds: float) -> None:
        """Wait for an entry with the wanted fields, as long as `next` in all. Other entries do not prolong it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, CHECK_SECONDS)
        while (left := until - loop.time()) > 0:
            entries = await self.next(left)
            if not entries or any(is_wanted(fields) for _, fields in entries):
                return


class Listener:
    """The reader of this process. Its methods belong to the event loop.

    It reads only while there are subscriptions. `is_stopping`: the process ends, and no request may wait any longer.
    """

    def __init__(self, redis_url: str, timeout: timedelta) -> None:
        self.is_stopping = False
        self._redis: Redis = Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_connect_timeout=timeout.total_seconds(),
            socket_timeout=timeout.total_seconds() + _BLOCK_MILLISECONDS / 1_000,
            retry=Retry(NoBackoff(), 0),
        )
        self._subscriptions: set[Subscription] = set()
        self._reading: asyncio.Task[None] | None = None

    @contextmanager
    def subscribed(self, key: str, after: str) -> Iterator[Subscription]:
        """Yield the entries of a stream after the id `after`."""
        subscription = Subscription(key, after)
        self._subscriptions.add(subscription)
        if self._reading is None or self._reading.done():
            # Without the variables of this request, such as its id, which would appear in the log of the reader.
            context = contextvars.Context()
            self._reading = asyncio.create_task(self._read_all(), context=context)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def stop(self) -> None:
        """End all waits, and those that begin later."""
        self.is_stopping = True
        for subscription in self._subscriptions:
            subscription.wake()

    async def close(self) -> None:
        """End all waits and close the connection.

        The flag ends the reader: redis-py loses a cancellation now and then, because `asyncio.wait_for` does before
        Python 3.12.
        """
        self.stop()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._redis.aclose()

    async def _read_all(self) -> None:
        while self._subscriptions and not self.is_stopping:
            try:
                await self._read()
            except redis.RedisError as error:
                log.warning("redis is unavailable", skipped="events", error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:  # the listeners poll the store meanwhile
                log.exception("events could not be read")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _read(self) -> None:
        """Read all streams once, each from the place of the listener that is furthest behind."""
        listeners = defaultdict(list)
        for subscription in self._subscriptions:
            if subscription.has_room:
                listeners[subscription.key].append(subscription)
        if not listeners:
            await asyncio.sleep(_BLOCK_MILLISECONDS / 1_000)
            return
        places: dict[KeyT, StreamIdT] = {
            key: min((one.after for one in those), key=_number) for key, those in listeners.items()
        }
        try:
            read = await self._redis.xread(places, count=_READ_COUNT, block=_BLOCK_MILLISECONDS)
            streams = cast("Streams", read or [])
        except redis.ResponseError:  # one of the keys holds no stream
            streams = await self._read_separately(places)
        for key, entries in streams:
            for subscription in listeners[key]:
                subscription.offer(entries)

    async def _read_separately(self, places: Mapping[KeyT, StreamIdT]) -> Streams:
        """Read the streams one by one, without waiting. A key that cannot be read hides no other."""
        streams: Streams = []
        for key, place in places.items():
            try:
                read = await self._redis.xread({key: place}, count=_READ_COUNT)
                streams += cast("Streams", read or [])
            except redis.ResponseError as error:
                log.warning("unreadable events skipped", key=key, error=str(error))
        await asyncio.sleep(_PAUSE_SECONDS)
        return streams


def _number(entry_id: str) -> tuple[int, int]:
    """Return an id of a stream as numbers, which are ordered as Redis orders them."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)
