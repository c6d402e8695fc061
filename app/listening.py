"""Waits asynchronously for a job's events and for news of items made on demand, without occupying a thread.

Used by the live event stream, by `Prefer: wait` and by requests for an item.
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
"""Each listener needs a Redis connection. When all are in use, further ones poll every 2 s instead."""

Entries = list[tuple[str, list[tuple[str, dict[str, str]]]]]


class Listener:
    """An asynchronous reader of Redis streams."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, decode_responses=True, max_connections=MAX_LISTENERS
        )

    async def follow(self, ref: JobRef, after: str) -> AsyncIterator[Event | None]:
        """Yield the events after the id `after`, endlessly; yield None after 2 s without an event.

        On None the caller should check the store: Redis may have lost the expected event.
        """
        while True:
            events = await self._next(ref, after)
            for event in events:
                after = event.id
                yield event
            if not events:
                yield None

    async def newest(self, owner: str) -> str:
        """Return the id of an owner's newest entry."""
        try:
            entries = await self._redis.xrevrange(redis_keys.news(owner), count=1)
        except redis.RedisError:
            return FIRST
        return cast("list[tuple[str, object]]", entries)[0][0] if entries else FIRST

    async def news(self, item: Item, after: str, seconds: float) -> str:
        """Wait for news of an item, at most `seconds` or 2 s. Return the id to continue after."""
        loop = asyncio.get_running_loop()
        # At most 2 s, because Redis may have lost the news; the caller then checks the store.
        until = loop.time() + min(seconds, _BLOCK_MILLISECONDS / 1_000)
        while (remaining := until - loop.time()) > 0:
            key, block = redis_keys.news(item.owner), max(1, round(remaining * 1_000))
            try:
                streams = await self._redis.xread({key: after}, count=100, block=block)
            except redis.RedisError:
                await asyncio.sleep(remaining)
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
        # Redis is down: wait as long as a blocking read, so that the caller polls the store.
        except redis.RedisError:
            await asyncio.sleep(_BLOCK_MILLISECONDS / 1_000)
            return []
        return [
            read_entry(entry_id, fields)
            for _, entries in cast("Entries", streams or [])
            for entry_id, fields in entries
        ]
