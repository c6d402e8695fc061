"""The data in Redis about items made on demand: claims, failures, and news for the requests that wait.

An item belongs to an owner (a stream, a batch) and has a name that is unique there. The fact is the item's record in
the store: when Redis loses this data, an item is made twice at most. Every method may raise `redis.RedisError`.

Rolling deploys: version 0.1.0 kept the same under other keys, so old and new processes do not see each other's claims,
failures and news. An item may then be made twice; its first record stays. Requests that wait also read the store every
two seconds, so they need no news. The reconciler releases a claim whose call an old worker ran.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from contracts.base import Model, Timestamp, now
from contracts.jobs import JobError
from contracts.kinds import RETENTION
from state import redis_keys
from state.ledger import Ledger
from state.redis_values import read_or_skip

MAX_NEWS = 100
"""The most news of one owner. A request that misses one reads the store two seconds later."""
FORGOTTEN_NEWS_TTL = timedelta(minutes=1)
"""How long the last news of a deleted owner is kept for the requests that wait."""

# An owner is in the set exactly while it has claims, so the repair reads only these owners.
# KEYS: the owner's claims, CLAIM_OWNERS. ARGV: the item's name, the owner.
_RELEASE = """
redis.call('hdel', KEYS[1], ARGV[1])
if redis.call('exists', KEYS[1]) == 0 then redis.call('srem', KEYS[2], ARGV[2]) end
"""


@dataclass(frozen=True)
class Item:
    """Reference to one item: its owner (`default/batch_0192...`) and its name there (`export-coco`)."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


class Claim(Model):
    """The claim on an item that is queued or being made: the id in the queue, and the time of the claim."""

    rq_id: str
    at: Timestamp


class OnDemandLedger:
    """The ledger of items. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis

    # Claims: one for each item that is queued or being made.

    def next_number(self, owner: str) -> int:
        """Count a call of the owner and return its number, from 1. It makes the call's id unique in the queue."""
        number = self._redis.incr(redis_keys.call_number(owner))
        self._redis.expire(redis_keys.call_number(owner), RETENTION)
        return int(number)

    def claim(self, item: Item, rq_id: str) -> bool:
        """Claim an item for a call. Returns False when another call has claimed it."""
        claim = Claim(rq_id=rq_id, at=now()).model_dump_json()
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.sadd(redis_keys.CLAIM_OWNERS, item.owner)
            pipeline.hsetnx(redis_keys.claims(item.owner), item.name, claim)
            _, is_new = pipeline.execute()
        return bool(is_new)

    def claim_of(self, item: Item) -> Claim | None:
        """Return the claim on an item, or None. An unreadable claim is None; the reconciler releases it."""
        text = cast("str | None", self._redis.hget(redis_keys.claims(item.owner), item.name))
        return read_or_skip(Claim, text, item=str(item)) if text else None

    def claims(self, owner: str) -> dict[str, Claim | None]:
        """Return the claims on an owner's items, by name. None is a claim that this version cannot read."""
        fields = cast("dict[str, str]", self._redis.hgetall(redis_keys.claims(owner)))
        return {name: read_or_skip(Claim, text, owner=owner) for name, text in fields.items()}

    def all_claims(self) -> dict[Item, Claim | None]:
        """Return the claims of all owners of all tenants."""
        owners = cast("set[str]", self._redis.smembers(redis_keys.CLAIM_OWNERS))
        return {
            Item(owner, name): claim
            for owner in owners
            for name, claim in self.claims(owner).items()
        }

    def release(self, item: Item) -> None:
        """End the claim on an item that is made, has failed, or whose call is lost. Wakes the requests that wait."""
        claims, news = redis_keys.claims(item.owner), redis_keys.news(item.owner)
        self._redis.eval(_RELEASE, 2, claims, redis_keys.CLAIM_OWNERS, item.name, item.owner)
        self._redis.xadd(news, {"item": item.name}, maxlen=MAX_NEWS, approximate=True)
        self._redis.expire(news, RETENTION)

    # Failures: reported for a while, so that not every request makes the item fail again.

    def fail(self, item: Item, error: JobError, ttl: timedelta) -> None:
        """Report an error to all requests for the item until `ttl` has passed."""
        self._redis.set(redis_keys.failure(str(item)), error.model_dump_json(), px=ttl)

    def failure(self, item: Item) -> JobError | None:
        """Return the error that is reported for the item, or None."""
        text = cast("str | None", self._redis.get(redis_keys.failure(str(item))))
        return read_or_skip(JobError, text, item=str(item)) if text else None

    def failure_seconds(self, item: Item) -> float:
        """Return how long the failure of an item is still reported. Then the item may be tried again."""
        milliseconds = self._redis.pttl(redis_keys.failure(str(item)))
        return max(0, milliseconds) / 1_000

    def forget(self, owner: str) -> None:
        """Remove the claims of an owner that is being deleted, and wake the requests that wait."""
        for name in self.claims(owner):
            self.release(Item(owner, name))
        self._redis.delete(redis_keys.call_number(owner))
        self._redis.expire(redis_keys.news(owner), FORGOTTEN_NEWS_TTL)
