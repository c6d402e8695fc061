"""The shards of one batch in Redis: one bit for each finished one, and when each other one was handed over.

The store's records are the facts, and listing them costs a request per thousand. So they are listed only when Redis has
lost the bits, and once at the end. A missing bit costs one call, which finds the record. A bit without a record is
found at the end. Every method may raise `redis.RedisError`.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import cast

from contracts.base import is_recent, now
from contracts.batches import BatchRequest
from contracts.kinds import RETENTION
from state import records, redis_keys
from state.ledger import Ledger
from state.store import Store

# Returns the number of finished shards, or false without bits.
# KEYS: bits, claims, attempts. ARGV: the index, seconds to keep.
_FINISH = """
redis.call('zrem', KEYS[2], ARGV[1])
redis.call('hdel', KEYS[3], string.format('shard-%06d', ARGV[1]))
if redis.call('exists', KEYS[1]) == 0 then return false end
redis.call('setbit', KEYS[1], ARGV[1], 1)
redis.call('expire', KEYS[1], ARGV[2])
return redis.call('bitcount', KEYS[1])
"""


class BatchShards:
    """The shards of one batch: which are finished, and which are in flight."""

    def __init__(self, store: Store, ledger: Ledger, request: BatchRequest) -> None:
        self._store = store
        self._redis = ledger.redis
        self._request = request
        ref = request.ref
        self._bits = redis_keys.finished_shards(ref)
        self._claims = redis_keys.in_flight(ref)
        self._keys = (self._bits, self._claims, redis_keys.attempts(ref))

    def finish(self, index: int) -> int:
        """Mark a shard whose record is stored, and end its claim. Returns the number of finished shards."""
        seconds = int(RETENTION.total_seconds())
        count = self._redis.eval(_FINISH, len(self._keys), *self._keys, index, seconds)
        return self._recount() if count is None else int(cast("int", count))

    def count(self) -> int:
        """Return the number of finished shards."""
        if self._redis.exists(self._bits):
            return int(self._redis.bitcount(self._bits))
        return self._recount()

    def in_flight(self) -> dict[int, datetime]:
        """Return when each shard that is not finished was handed to RQ, by index."""
        entries = self._redis.zrange(self._claims, 0, -1, withscores=True)
        claims = cast("list[tuple[str, float]]", entries)
        return {int(index): datetime.fromtimestamp(at, UTC) for index, at in claims}

    def lost(
        self, queued: Collection[int], waiting: Sequence[range], oldest: datetime
    ) -> list[int]:
        """Return the shards that are neither finished nor waiting, nor in RQ (`queued`, or handed over since `oldest`).

        The store's records are listed only when the numbers show that shards are missing.
        """
        age = now() - oldest
        handed = {index for index, at in self.in_flight().items() if is_recent(at, now(), age)}
        handed |= set(queued)
        num_shards = self._request.num_shards
        if self.count() + sum(map(len, waiting)) + len(handed) >= num_shards:
            return []
        finished = records.finished_shards(self._store, self._request.ref)
        self.correct(finished)
        known = finished | handed
        return [
            index
            for index in range(num_shards)
            if index not in known and not any(index in each for each in waiting)
        ]

    def correct(self, finished: Iterable[int]) -> None:
        """Replace the bits: the store has the records of these shards only."""
        self._redis.set(self._bits, self._to_bits(finished), ex=RETENTION)

    def _recount(self) -> int:
        """Read the finished shards from the store. Shards that other workers mark meanwhile stay marked."""
        finished = records.finished_shards(self._store, self._request.ref)
        listed = f"{self._bits}:listed"
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(listed, self._to_bits(finished))
            pipeline.bitop("OR", self._bits, self._bits, listed)
            pipeline.delete(listed)
            pipeline.expire(self._bits, RETENTION)
            pipeline.bitcount(self._bits)
            return int(pipeline.execute()[-1])

    def _to_bits(self, finished: Iterable[int]) -> bytes:
        """Return one bit for each shard; the first shard is the highest bit of the first byte, as in Redis."""
        bits = bytearray(-(-self._request.num_shards // 8))
        for index in finished:
            if index < self._request.num_shards:
                bits[index // 8] |= 0x80 >> index % 8
        return bytes(bits)
