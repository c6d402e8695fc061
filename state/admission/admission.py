"""The admission: work waits here and is handed to RQ in a fair order, a few entries at a time (decision 0036).

RQ's queue is a list: whatever is in it runs first come, first served. So RQ gets at most one entry more than its queue
has workers, and the next one is chosen when an entry ends. Tenants have parts of the predicted device time by their
weights (`parts.py`), equal ones by default. Of a tenant's part, what callers wait for gets two thirds and everything
else one third; each takes what the other does not use. Within these, jobs have equal parts, so a short job overtakes
long ones that began to wait before it.

A batch waits as one range of shards, however many it has. All of this may be lost: the reconciler rebuilds it from the
store. Every method may raise `redis.RedisError`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, cast

import redis
import structlog

from contracts.base import now
from contracts.ids import RqId
from contracts.jobs import JobRef
from contracts.kinds import RETENTION, SHARD, Kinds, QueueName
from state import redis_keys
from state.admission.costs import NEWEST, Cost, Costs
from state.admission.items import (
    call_item,
    range_items,
    read_call,
    read_range,
    read_rq_id,
    read_shard,
)
from state.admission.picking import PICK
from state.admission.scripts import AWAIT, CORRECT, PROMOTE, PUT, WITHDRAW
from state.ledger import Ledger
from state.queues import Call, is_added, lists_of, put, shard_call, withdraw

log = structlog.get_logger()

Level = Literal["awaited", "ahead", "others"]
"""What a caller waits for, the look-ahead of streams, and everything else."""

READERS_WEIGHT = 2
"""The part of `awaited` and `ahead` for each part of `others`: two thirds of the device time, if both need it."""
POLL = timedelta(seconds=15)
"""The longest pause between two requests of a caller who waits."""
_HANDING = timedelta(seconds=10)
"""Longer than it takes to add an entry to RQ. After that its process counts as dead, and another one adds the entry."""
_AHEAD = ":ahead"
"""Marks the flow of a stream's look-ahead; the shards that readers wait for are another flow."""
_MOST_HANDED = 100
"""How many entries of RQ are read to find the position of a job: an older version may have added thousands."""


@dataclass
class Waiting:
    """What waits in a queue or is on its way to RQ: the ids of calls, and the shards of each batch by its id.

    First what callers wait for, then the look-ahead of streams, then everything else.
    """

    rq_ids: list[RqId] = field(default_factory=list)
    shards: dict[str, list[range]] = field(default_factory=dict)

    def has_shard(self, batch: str, index: int) -> bool:
        """Return whether a shard waits."""
        return any(index in each for each in self.shards.get(batch, ()))


class Admission:
    """The admission of all queues. `jobs` is RQ's connection, which reads bytes. Safe to share between threads."""

    def __init__(
        self, ledger: Ledger, jobs: "redis.Redis", kinds: Kinds, heartbeat_fresh: timedelta
    ) -> None:
        self._ledger = ledger
        self._redis = ledger.redis
        self._jobs = jobs
        self._kinds = kinds
        self._heartbeat_fresh = heartbeat_fresh
        self.costs = Costs(ledger)

    # Work begins to wait.

    def put(self, call: Call, level: Level = "others", cost: Cost | None = None) -> None:
        """Let a call wait, and hand over what there is room for. Without `cost`, it costs what such calls took."""
        self._eval(PUT, call.queue, *self._facts(call, level, cost))
        self.pump(call.queue)

    def put_shards(self, batch: JobRef, shards: Iterable[int], cost: Cost) -> None:
        """Let shards of a batch wait, each with a predicted cost, and hand over what there is room for."""
        queue, ranges = SHARD.queue_for(), range_items(shards)
        if ranges:
            facts = (batch.id, batch.tenant, "others", cost.seconds, cost.num_bytes, str(batch))
            self._eval(PUT, queue, *facts, *ranges)
        self.pump(queue)

    def promote(self, call: Call, cost: Cost | None = None) -> None:
        """Move a call from the look-ahead to what callers wait for. Changes nothing for a call that is not there."""
        source = _owner(call) + _AHEAD
        if self._eval(PROMOTE, call.queue, source, *self._facts(call, "awaited", cost)):
            self.pump(call.queue)

    def await_job(self, queue: QueueName, job_id: str, seconds: float) -> None:
        """Count a waiting job among those that callers wait for, for some seconds and until the next poll."""
        until = now() + timedelta(seconds=seconds) + POLL
        self._eval(AWAIT, queue, job_id, until.timestamp())

    # Work leaves.

    def pump(self, queue: QueueName) -> None:
        """Hand entries to RQ until it has one more than the queue has workers. Any process may do so at any time."""
        # After a loss of Redis no worker is known for some seconds: one is assumed.
        capacity = max(1, self.count_workers(queue)) + 1
        while (picked := self._pick(queue, capacity)) is not None:
            item, is_late, charged = picked
            self._hand(queue, item, charged, is_late=is_late)

    def correct(self, queue: QueueName, rq_id: str, seconds: float) -> None:
        """Charge an entry that ended the seconds that it took, in place of the predicted ones."""
        self._eval(CORRECT, queue, rq_id, seconds, NEWEST)

    def withdraw(self, queue: QueueName, owner: str) -> set[RqId]:
        """Remove what waits of a job or a stream, here and in RQ. Returns the ids of its calls; shards have none here.

        An entry that a worker has taken meanwhile stays: the worker ends the job.
        """
        removed = cast("list[str]", self._eval(WITHDRAW, queue, owner, owner + _AHEAD))
        handed = withdraw(self._jobs, queue, owner)
        for entry in handed:
            self.correct(queue, str(entry), 0)
        if handed:
            self.pump(queue)
        return handed | {rq_id for item in removed if (rq_id := read_rq_id(item)) is not None}

    def reset(self, queue: QueueName) -> None:
        """Forget everything that waits, also what cannot be read. The reconciler queues it again."""
        pattern = f"{redis_keys.admission(queue)}:*"
        for key in list(self._redis.scan_iter(match=pattern, count=1_000)):
            self._redis.delete(key)

    # Questions.

    def waiting(self, queue: QueueName) -> Waiting:
        """Return all that waits or is on its way to RQ."""
        waiting, prefix = Waiting(), redis_keys.admission(queue)
        for flow in self._flows(queue):
            for item in cast("list[str]", self._redis.lrange(f"{prefix}:items:{flow}", 0, -1)):
                if shards := read_range(item):
                    waiting.shards.setdefault(flow, []).append(shards)
                elif (rq_id := read_rq_id(item)) is not None:
                    waiting.rq_ids.append(rq_id)
        for item in cast("list[str]", self._redis.zrange(f"{prefix}:handing", 0, -1)):
            _add_handed(waiting, item)
        return waiting

    def count_workers(self, queue: QueueName) -> int:
        """Return how many workers of a queue are alive."""
        return sum(
            beat.queue == queue for beat in self._ledger.fresh_workers(self._heartbeat_fresh)
        )

    def waiting_shards(self, queue: QueueName, batch: str) -> list[range]:
        """Return the shards of a batch that wait or are on their way to RQ."""
        prefix, waiting = redis_keys.admission(queue), Waiting()
        items = cast("list[str]", self._redis.lrange(f"{prefix}:items:{batch}", 0, -1))
        for item in cast("list[str]", self._redis.zrange(f"{prefix}:handing", 0, -1)):
            _add_handed(waiting, item)
        ranges = (read_range(item) for item in items)
        return [shards for shards in ranges if shards] + waiting.shards.get(batch, [])

    def backlog(self, queue: QueueName, tenant: str | None = None) -> Cost:
        """Return the predicted cost of all that waits, or of one tenant's. What RQ has already is not counted."""
        of_tenant = f":{tenant}" if tenant else ""
        names = [f"{what}{of_tenant}" for what in ("seconds", "bytes")]
        texts = cast(
            "list[str | None]", self._redis.hmget(f"{redis_keys.admission(queue)}:backlog", names)
        )
        seconds, num_bytes = (max(0.0, float(text or 0)) for text in texts)
        return Cost(seconds, num_bytes)

    def count_tenants(self, queue: QueueName) -> int:
        """Return how many tenants have waiting work."""
        return int(self._redis.scard(f"{redis_keys.admission(queue)}:tenants"))

    def count_waiting(self, queue: QueueName) -> int:
        """Return the number of entries that wait; each shard is one. What RQ has already is not counted."""
        text = self._redis.hget(f"{redis_keys.admission(queue)}:backlog", "entries")
        return int(cast("str | None", text) or 0)

    def position(self, queue: QueueName, tenant: str, owner: str) -> int | None:
        """Return about how many entries are ahead of a job in its tenant's order, or None if it does not wait.

        Each job counts once, however many shards it has. Jobs that would end earlier are ahead.
        """
        prefix, waiting_list = redis_keys.admission(queue), lists_of(queue).waiting
        handed = cast("list[bytes]", self._jobs.lrange(waiting_list, 0, _MOST_HANDED - 1))
        for place, text in enumerate(handed):
            rq_id = RqId.parse(text.decode("latin1"))
            if rq_id is not None and rq_id.owner == owner:
                return place
        level = cast("str | None", self._redis.hget(f"{prefix}:flow:{owner}", "level"))
        rank = self._redis.zrank(f"{prefix}:jobs:{level}:{tenant}", owner) if level else None
        return None if rank is None else int(self._jobs.llen(waiting_list)) + int(cast("int", rank))

    # How an entry is handed over.

    def _pick(self, queue: QueueName, capacity: int) -> tuple[str, bool, str] | None:
        at, lists = now(), lists_of(queue)
        picked = self._eval(
            PICK,
            queue,
            *(lists.waiting, lists.popped, lists.running),
            capacity,
            at.timestamp(),
            (at - _HANDING).timestamp(),
            READERS_WEIGHT,
        )
        return None if picked is None else (picked[0], bool(picked[1]), picked[2])

    def _hand(self, queue: QueueName, item: str, charged: str, *, is_late: bool) -> None:
        """Add a picked item to RQ. `is_late`: the process that picked it first may have added it before it died."""
        try:
            call = self._call(item)
            if charged:
                self._redis.set(_charged(queue, call.rq_id), charged, ex=RETENTION)
            if not (is_late and is_added(self._jobs, call.rq_id)):
                put(self._jobs, call)
        except (
            ValueError
        ):  # another version or another program wrote it; a job is queued again as lost
            log.exception("waiting entry dropped", item=item[:300])
        self._redis.zrem(f"{redis_keys.admission(queue)}:handing", item)

    def _call(self, item: str) -> Call:
        """Return the call of an item; that of a shard is claimed and gets its number now. Raises `ValueError`."""
        shard = read_shard(item)
        if shard is None:
            return read_call(item, self._kinds)
        return shard_call(shard, self._ledger.claim_shard(shard.batch, shard.index))

    def _facts(self, call: Call, level: Level, cost: Cost | None) -> tuple[str | float, ...]:
        owner, tenant = _owner(call), call.argument.partition("/")[0]
        flow = owner + _AHEAD if level == "ahead" else owner
        cost = cost or self.costs.of_entry(call.task, call.queue)
        return (flow, tenant, level, cost.seconds, cost.num_bytes, "", call_item(call))

    def _flows(self, queue: QueueName) -> list[str]:
        prefix = redis_keys.admission(queue)
        keys = [
            f"{prefix}:jobs:{level}:{tenant}"
            for level in ("awaited", "ahead", "others")
            for tenant in cast("set[str]", self._redis.smembers(f"{prefix}:tenants"))
        ]
        return [flow for key in keys for flow in cast("list[str]", self._redis.zrange(key, 0, -1))]

    def _eval(self, script: str, queue: QueueName, *arguments: str | float) -> Any:  # noqa: ANN401
        names = (redis_keys.admission(queue), redis_keys.TENANT_PARTS)
        return self._redis.eval(script, len(names), *names, *arguments)


def _charged(queue: QueueName, rq_id: str) -> str:
    return f"{redis_keys.admission(queue)}:charged:{rq_id}"


def _owner(call: Call) -> str:
    """Return the id of the job or stream of a call."""
    rq_id = RqId.parse(call.rq_id)
    assert rq_id is not None, call.rq_id
    return rq_id.owner


def _add_handed(waiting: Waiting, item: str) -> None:
    """Add an item that is on its way to RQ."""
    try:
        shard = read_shard(item)
    except ValueError:
        return
    if shard is not None:
        waiting.shards.setdefault(shard.batch.id, []).append(range(shard.index, shard.index + 1))
    elif (rq_id := read_rq_id(item)) is not None:
        waiting.rq_ids.append(rq_id)
