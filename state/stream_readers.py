"""The readers of streams: whether there are any, when each shard was last requested, and which calls go first.

Streams need this beside the items made on demand. Losing it costs one rendering at most. Every method may raise
`redis.RedisError`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from contracts.base import now
from contracts.kinds import RETENTION, STREAM_SHARD
from contracts.streams import StreamRef, StreamShardRef
from state import redis_keys
from state.ledger import Ledger
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import OnDemandLedger

# Move a call to the front, but behind the calls that other readers wait for: first come, first served. A call that is
# not in the list is already being rendered.
# KEYS: the queue's list, WAITED_FOR. ARGV: the id, now, the oldest time kept.
_PUT_FIRST = """
redis.call('zremrangebyscore', KEYS[2], '-inf', ARGV[3])
if redis.call('zscore', KEYS[2], ARGV[1]) then return 0 end
if redis.call('lrem', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('zadd', KEYS[2], ARGV[2], ARGV[1])
for _, other in ipairs(redis.call('lrange', KEYS[1], 0, -1)) do
    if not redis.call('zscore', KEYS[2], other) then
        redis.call('linsert', KEYS[1], 'BEFORE', other, ARGV[1])
        return 1
    end
end
redis.call('rpush', KEYS[1], ARGV[1])
return 1
"""


class StreamReaders:
    """The readers of streams. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis
        self._items = OnDemandLedger(ledger)

    # Readers.

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

    # The order of calls.

    def put_first(self, shard: StreamShardRef) -> None:
        """Move the call of a shard ahead of all calls without a waiting reader."""
        claim = self._items.claim_of(STREAM_SHARDS.item(shard))
        if claim is None:
            return
        at = now()
        oldest = at - STREAM_SHARD.ttl
        queue = f"rq:queue:{STREAM_SHARD.queue_for()}"  # RQ's own name for the list
        keys = (queue, redis_keys.WAITED_FOR)
        self._redis.eval(_PUT_FIRST, 2, *keys, claim.rq_id, at.timestamp(), oldest.timestamp())

    def note_start(self, shard: StreamShardRef) -> None:
        """Record that a shard is being rendered. If its worker dies, its call may move to the front again."""
        claim = self._items.claim_of(STREAM_SHARDS.item(shard))
        if claim is not None:
            self._redis.zrem(redis_keys.WAITED_FOR, claim.rq_id)
