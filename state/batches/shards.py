"""The shards of one batch in Redis: one bit for each finished shard, and a claim on each shard in flight.

The store's records are the facts, and listing them costs a request per thousand. So they are listed only when Redis has
lost the bits, and once at the end. A missing bit costs one call, which finds the record. A bit without a record is
found at the end. Every method may raise `redis.RedisError`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import cast

from contracts.base import now
from contracts.batches import BatchRequest
from contracts.jobs import ShardRef
from contracts.kinds import RETENTION
from state import records, redis_keys
from state.ledger import Ledger
from state.store import Store

# Claim the lowest shards that are neither finished nor claimed. Returns pairs of index and attempt, or false without
# bits. A shard is found from the byte that it is in: before Redis 7, BITPOS knows no other position.
# KEYS: bits, claims, attempts. ARGV: number of shards, most shards in flight, now, seconds to keep.
_CLAIM = """
if redis.call('exists', KEYS[1]) == 0 then return false end
local num_shards, room = tonumber(ARGV[1]), tonumber(ARGV[2]) - redis.call('zcard', KEYS[2])
local claimed, index = {}, 0
local function find_unfinished(from)
    while from % 8 ~= 0 do
        if redis.call('getbit', KEYS[1], from) == 0 then return from end
        from = from + 1
    end
    return redis.call('bitpos', KEYS[1], 0, from / 8)
end
while #claimed < 2 * room do
    index = find_unfinished(index)
    if index < 0 or index >= num_shards then break end
    if redis.call('zadd', KEYS[2], 'NX', ARGV[3], index) == 1 then
        claimed[#claimed + 1] = index
        claimed[#claimed + 1] = redis.call('hincrby', KEYS[3], string.format('shard-%06d', index), 1)
    end
    index = index + 1
end
for _, key in ipairs(KEYS) do redis.call('expire', key, ARGV[4]) end
return claimed
"""

# Returns the number of finished shards, or false without bits. KEYS: as above. ARGV: the index, seconds to keep.
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

    def claim(self, max_in_flight: int) -> list[tuple[ShardRef, int]]:
        """Claim the next shards, lowest first, until `max_in_flight` are in flight. Returns each with its attempt."""
        options = (
            self._request.num_shards,
            max_in_flight,
            now().timestamp(),
            int(RETENTION.total_seconds()),
        )
        flat = self._redis.eval(_CLAIM, len(self._keys), *self._keys, *options)
        if flat is None:
            self._recount()
            flat = self._redis.eval(_CLAIM, len(self._keys), *self._keys, *options)
        pairs = cast("Sequence[int]", flat or ())
        ref = self._request.ref
        return [
            (ShardRef(batch=ref, index=index), attempt)
            for index, attempt in zip(pairs[::2], pairs[1::2], strict=True)
        ]

    def in_flight(self) -> dict[int, datetime]:
        """Return when each claimed shard was claimed, by index."""
        entries = self._redis.zrange(self._claims, 0, -1, withscores=True)
        claims = cast("list[tuple[str, float]]", entries)
        return {int(index): datetime.fromtimestamp(at, UTC) for index, at in claims}

    def release(self, index: int) -> None:
        """End the claim on a shard whose call is lost."""
        self._redis.zrem(self._claims, str(index))

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
