"""Follows a job's events and a stream's news as they come, without holding a thread.

For the live stream, for `Prefer: wait`, and for whoever waits for a shard.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import redis
from redis.asyncio import Redis

from contracts.events import FIRST, Event, read_entry
from contracts.jobs import JobRef
from contracts.streams import StreamRef
from state import redis_keys

_BLOCK_MILLISECONDS = 2_000

MAX_LISTENERS = 1_000
"""Each waits on a connection of its own. Who comes when all are taken looks every two seconds instead."""

Entries = list[tuple[str, list[tuple[str, dict[str, str]]]]]


class Listener:
    """An asynchronous reader of event streams."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, decode_responses=True, max_connections=MAX_LISTENERS
        )

    async def follow(self, ref: JobRef, after: str) -> AsyncIterator[Event | None]:
        """Events after the one with id `after`, for ever; None whenever a moment passes without one.

        None is the time to look into the store: Redis may have lost the event that was waited for.
        """
        while True:
            events = await self._next(ref, after)
            for event in events:
                after = event.id
                yield event
            if not events:
                yield None

    async def newest(self, stream: StreamRef) -> str:
        """The id of a stream's last news."""
        try:
            found = await self._redis.xrevrange(redis_keys.news(stream), count=1)
        except redis.RedisError:
            return FIRST
        return cast("list[tuple[str, object]]", found)[0][0] if found else FIRST

    async def news(self, stream: StreamRef, shard: int, after: str, seconds: float) -> str:
        """Returns when there is news of a shard, or a moment has passed without (`seconds` at most).

        What is returned is the id to go on after.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, _BLOCK_MILLISECONDS / 1_000)
        while (left := until - loop.time()) > 0:
            key, block = redis_keys.news(stream), max(1, round(left * 1_000))
            try:
                found = await self._redis.xread({key: after}, count=100, block=block)
            except redis.RedisError:
                await asyncio.sleep(left)
                break
            for _, entries in cast("Entries", found or []):
                after = entries[-1][0]
                if any(fields["shard"] == str(shard) for _, fields in entries):
                    return after
        return after

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _next(self, ref: JobRef, after: str) -> list[Event]:
        try:
            found = await self._redis.xread(
                {redis_keys.events(ref): after}, count=100, block=_BLOCK_MILLISECONDS
            )
        except redis.RedisError:
            await asyncio.sleep(_BLOCK_MILLISECONDS / 1_000)
            return []
        return [
            read_entry(entry_id, fields)
            for _, entries in cast("Entries", found or [])
            for entry_id, fields in entries
        ]
