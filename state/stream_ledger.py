"""What Redis knows of streams: who renders which shard, what has failed, who reads, and the news of all that.

Nothing in it is a fact: losing it costs a rendering at most. Every method may raise `redis.RedisError`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from contracts.base import now
from contracts.jobs import JobError
from contracts.kinds import RETENTION, STREAM_SHARD
from contracts.streams import Claim, StreamRef
from state import redis_keys
from state.ledger import Ledger

MAX_NEWS = 100
FAILURE_TOLD_FOR = timedelta(seconds=30)
"""How long trouble of the machine is told instead of trying again."""

# To the front, but behind those that others wait for already: who asked first is served first. A call that is no
# longer in the list is being rendered. KEYS: the queue's list, WAITED_FOR. ARGV: the id, now, what is too old.
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


class StreamLedger:
    """The streams' side of the ledger. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self.redis = ledger.redis

    # Claims: one for each shard that is queued or being rendered.

    def next_number(self, stream: StreamRef) -> int:
        """Numbers the stream's entries in the queue: an id that comes twice would confuse it."""
        number = self.redis.incr(redis_keys.rq_number(stream))
        self.redis.expire(redis_keys.rq_number(stream), RETENTION)
        return int(number)

    def claim(self, stream: StreamRef, index: int, rq_id: str) -> bool:
        """Marks a shard as under way; False when it is, and then somebody else has queued it."""
        key, claim = redis_keys.claims(stream), Claim(rq_id=rq_id, at=now())
        is_new = self.redis.hsetnx(key, str(index), claim.model_dump_json())
        self.redis.expire(key, RETENTION)
        return bool(is_new)

    def claims(self, stream: StreamRef) -> dict[int, Claim]:
        """The shards under way."""
        found = cast("dict[str, str]", self.redis.hgetall(redis_keys.claims(stream)))
        return {int(index): Claim.model_validate_json(claim) for index, claim in found.items()}

    def begun(self, stream: StreamRef, index: int) -> None:
        """The shard is being rendered. If its worker dies and it comes back to the queue, it may overtake once more."""
        claim = self.claims(stream).get(index)
        if claim is not None:
            self.redis.zrem(redis_keys.WAITED_FOR, claim.rq_id)

    def release(self, stream: StreamRef, index: int) -> None:
        """The shard is rendered, has failed, or nobody is rendering it any more: whoever waits is told to look."""
        key = redis_keys.news(stream)
        self.redis.hdel(redis_keys.claims(stream), str(index))
        self.redis.xadd(key, {"shard": str(index)}, maxlen=MAX_NEWS, approximate=True)
        self.redis.expire(key, RETENTION)

    def put_first(self, rq_id: str) -> None:
        """Lets a call overtake all that nobody waits for."""
        at = now()
        oldest = at - STREAM_SHARD.kept
        queue = f"rq:queue:{STREAM_SHARD.queue_for()}"  # RQ's own name for the list
        keys = (queue, redis_keys.WAITED_FOR)
        self.redis.eval(_PUT_FIRST, 2, *keys, rq_id, at.timestamp(), oldest.timestamp())

    # Failures: told for a while instead of being tried again by everybody who waits.

    def fail(self, stream: StreamRef, index: int, error: JobError) -> None:
        """The shard cannot be rendered: for good, or for a moment when the trouble is the machine's."""
        lasting = FAILURE_TOLD_FOR if error.retryable else RETENTION
        self.redis.set(redis_keys.failures(stream, index), error.model_dump_json(), px=lasting)

    def failure(self, stream: StreamRef, index: int) -> JobError | None:
        """Why the shard could not be rendered, or None."""
        found = cast("str | None", self.redis.get(redis_keys.failures(stream, index)))
        return JobError.model_validate_json(found) if found else None

    # Readers.

    def asked(self, stream: StreamRef, index: int, idle: timedelta) -> None:
        """Somebody reads the stream, and this shard of it."""
        key = redis_keys.asked_at(stream)
        with self.redis.pipeline(transaction=False) as pipeline:
            pipeline.set(redis_keys.reading(stream), "1", px=idle)
            pipeline.zadd(key, {str(index): now().timestamp()})
            pipeline.expire(key, RETENTION)
            pipeline.execute()

    def is_read(self, stream: StreamRef) -> bool:
        """False when nobody has asked for a shard for a while."""
        return bool(self.redis.exists(redis_keys.reading(stream)))

    def asked_at(self, stream: StreamRef) -> dict[int, datetime]:
        """When each shard was last asked for."""
        found = self.redis.zrange(redis_keys.asked_at(stream), 0, -1, withscores=True)
        asked = cast("list[tuple[str, float]]", found)
        return {int(index): datetime.fromtimestamp(at, UTC) for index, at in asked}

    def swept(self, stream: StreamRef, indices: Iterable[int]) -> None:
        """These shards are gone."""
        gone = [str(index) for index in indices]
        if gone:
            self.redis.zrem(redis_keys.asked_at(stream), *gone)

    def forget(self, stream: StreamRef) -> None:
        """Drops everything about a stream that is being deleted, and wakes whoever waits for it."""
        for index in self.claims(stream):
            self.release(stream, index)
        self.redis.delete(
            redis_keys.asked_at(stream),
            redis_keys.reading(stream),
            redis_keys.rq_number(stream),
        )
        self.redis.expire(redis_keys.news(stream), timedelta(minutes=1))
