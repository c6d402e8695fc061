"""Asynchronous reads of a job's events and of the news of items made on demand. A wait holds no thread.

For the live event stream, for `Prefer: wait`, and for requests that wait for an item.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import redis
from redis.asyncio import Redis

from contracts.events import FIRST, Event, read_entry
from contracts.jobs import JobRef
from state import redis_keys
from state.on_demand.ledger import Item

_BLOCK_MILLISECONDS = 2_000

MAX_LISTENERS = 1_000
"""Each wait holds a connection. When all are taken, further waits read the store every two seconds instead."""

Entries = list[tuple[str, list[tuple[str, dict[str, str]]]]]


class Listener:
    """An asynchronous reader of Redis streams."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, decode_responses=True, max_connections=MAX_LISTENERS
        )

    async def follow(self, ref: JobRef, after: str) -> AsyncIterator[Event | None]:
        """Yield the events after the one with id `after`, without end; None after two seconds without an event.

        On None, the caller reads the store: Redis may have lost the event that it waits for.
        """
        while True:
            events = await self._next(ref, after)
            for event in events:
                after = event.id
                yield event
            if not events:
                yield None

    async def newest(self, owner: str) -> str:
        """Return the id of an owner's last news."""
        try:
            entries = await self._redis.xrevrange(redis_keys.news(owner), count=1)
        except redis.RedisError:
            return FIRST
        return cast("list[tuple[str, object]]", entries)[0][0] if entries else FIRST

    async def news(self, item: Item, after: str, seconds: float) -> str:
        """Return once there is news of an item, or after two seconds without (`seconds` at most).

        The result is the id of the last news that was read: the next `after`.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, _BLOCK_MILLISECONDS / 1_000)
        while (left := until - loop.time()) > 0:
            key, block = redis_keys.news(item.owner), max(1, round(left * 1_000))
            try:
                streams = await self._redis.xread({key: after}, count=100, block=block)
            except redis.RedisError:
                await asyncio.sleep(left)
                break
            for _, entries in cast("Entries", streams or []):
                after = entries[-1][0]
                if any(fields["item"] == item.name for _, fields in entries):
                    return after
        return after

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _next(self, ref: JobRef, after: str) -> list[Event]:
        try:
            streams = await self._redis.xread(
                {redis_keys.events(ref): after}, count=100, block=_BLOCK_MILLISECONDS
            )
        except redis.RedisError:
            await asyncio.sleep(_BLOCK_MILLISECONDS / 1_000)
            return []
        return [
            read_entry(entry_id, fields)
            for _, entries in cast("Entries", streams or [])
            for entry_id, fields in entries
        ]
