"""The readers of streams: whether there are any, and when each shard was last requested.

Streams need this beside the items made on demand. Losing it costs one rendering at most. Every method may raise
`redis.RedisError`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from contracts.base import now
from contracts.kinds import RETENTION
from contracts.streams import StreamRef
from state import redis_keys
from state.ledger import Ledger


class StreamReaders:
    """The readers of streams. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis

    def note_request(self, stream: StreamRef, index: int, idle: timedelta) -> None:
        """Record that a reader has requested a shard. The stream counts as read until `idle` has passed."""
        key = redis_keys.requested_at(stream)
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(redis_keys.reading(stream), "1", px=idle)
            pipeline.zadd(key, {str(index): now().timestamp()})
            pipeline.expire(key, RETENTION)
            pipeline.execute()

    def has_readers(self, stream: StreamRef) -> bool:
        """Return False when no shard has been requested for a while."""
        return bool(self._redis.exists(redis_keys.reading(stream)))

    def requested_at(self, stream: StreamRef) -> dict[int, datetime]:
        """Return when each shard was last requested, by index."""
        scores = self._redis.zrange(redis_keys.requested_at(stream), 0, -1, withscores=True)
        requests = cast("list[tuple[str, float]]", scores)
        return {int(index): datetime.fromtimestamp(at, UTC) for index, at in requests}

    def forget_shards(self, stream: StreamRef, indices: Iterable[int]) -> None:
        """Remove the times of shards that were deleted."""
        names = [str(index) for index in indices]
        if names:
            self._redis.zrem(redis_keys.requested_at(stream), *names)

    def kept_streams(self, tenant: str) -> list[str]:
        """Return the ids of the streams that may have shards in the store."""
        return sorted(cast("set[str]", self._redis.smembers(redis_keys.kept_streams(tenant))))

    def note_shards(self, stream: StreamRef) -> None:
        """Record that a stream may have shards in the store."""
        self._redis.sadd(redis_keys.kept_streams(stream.tenant), stream.id)

    def note_empty(self, stream: StreamRef) -> None:
        """Record that a stream has no shards in the store."""
        self._redis.srem(redis_keys.kept_streams(stream.tenant), stream.id)

    def forget(self, stream: StreamRef) -> None:
        """Remove the readers of a stream that is being deleted."""
        self._redis.delete(redis_keys.requested_at(stream), redis_keys.reading(stream))
