"""Follows a job's events as they come, without holding a thread. For the live stream and for `Prefer: wait`."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import redis
from redis.asyncio import Redis

from contracts import redis_keys
from contracts.events import Event, read_entry
from contracts.jobs import JobRef

_BLOCK_MILLISECONDS = 2_000

Entries = list[tuple[str, list[tuple[str, dict[str, str]]]]]


class Listener:
    """An asynchronous reader of event streams."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(redis_url, decode_responses=True)

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
