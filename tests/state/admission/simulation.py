"""A simulation of the rendering queue: workers whose shards take no time, on the real admission and RQ's real lists.

A sample takes one second of a virtual clock. Workers take entries as RQ's do: from the list to the running ones.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import redis

from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.ids import DEFAULT_TENANT, RqId, new_id
from contracts.jobs import JobRef
from contracts.kinds import Kinds, QueueName
from contracts.streams import StreamRef, StreamShardRef
from state import redis_keys
from state.admission.admission import Admission
from state.admission.costs import Cost
from state.ledger import Ledger
from state.queues import lists_of, stream_call

QUEUE: QueueName = "generate"
SHARD_SIZE = 256
CLOCKS = f"{redis_keys.admission(QUEUE)}:clocks"
"""What tenants were charged. It outlives the work by a day."""
LISTS = lists_of(QUEUE)
MINUTE = timedelta(minutes=1)
FAR = 4e9
"""When the entry of a running job would expire."""


@dataclass
class Simulation:
    """A queue with `num_workers`. `seconds` is the virtual time, `served` the seconds that each owner has got."""

    ledger: Ledger
    jobs: "redis.Redis"
    num_workers: int = 1
    seconds: float = 0.0
    served: Counter[str] = field(default_factory=Counter)
    on_end: Callable[[RqId], None] = lambda _: None
    _running: list[tuple[float, str]] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _tenants: dict[str, str] = field(default_factory=dict)
    _left: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Announce the workers."""
        self.admission = Admission(self.ledger, self.jobs, Kinds(), MINUTE)
        for number in range(self.num_workers):
            beat = Heartbeat(
                worker=f"worker-{number}", queue=QUEUE, state="idle", at=now(), device="cpu"
            )
            self.ledger.record_heartbeat(beat)

    def batch(
        self,
        num_samples: int,
        tenant: str = DEFAULT_TENANT,
        *,
        wait: float = 0,
        predicted: float | None = None,
    ) -> str:
        """Request a batch, and wait for it some seconds of the real clock. Returns its id.

        A shard is predicted to take `predicted` seconds, by default what it will take.
        """
        ref = JobRef(tenant=tenant, id=new_id("batch"))
        number, size = -(-num_samples // SHARD_SIZE), min(num_samples, SHARD_SIZE)
        self._sizes[ref.id], self._left[ref.id] = size, number
        self._tenants[ref.id] = tenant
        self.admission.put_shards(ref, range(number), Cost(predicted or size))
        if wait:
            self.admission.await_job(QUEUE, ref.id, wait)
        return ref.id

    def stream(self) -> StreamRef:
        """Return a stream."""
        stream = StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))
        self._sizes[stream.id] = SHARD_SIZE
        return stream

    def read(self, stream: StreamRef, index: int, *, ahead: bool = False) -> None:
        """Request a shard of a stream, or queue it as look-ahead."""
        call = stream_call(StreamShardRef(stream=stream, index=index), index + 1)
        self._left[stream.id] += 1
        self.admission.put(call, "ahead" if ahead else "awaited", Cost(SHARD_SIZE))

    def finish(self, owner: str) -> float:
        """Let the workers work until a job has ended. Returns the virtual time."""
        while self._left[owner]:
            self.step()
        return self.seconds

    def step(self) -> None:
        """Let the workers take what they can, then let the first one end."""
        while len(self._running) < self.num_workers and (entry := self.jobs.lpop(LISTS.waiting)):
            text = entry.decode()  # type: ignore[union-attr]
            self.jobs.zadd(LISTS.running, {text: FAR})
            heapq.heappush(self._running, (self.seconds + self._sizes[_owner(text)], text))
        self.seconds, text = heapq.heappop(self._running)
        owner = _owner(text)
        self.served[owner] += self._sizes[owner]
        self._left[owner] -= 1
        self.jobs.zrem(LISTS.running, text)
        rq_id = RqId.parse(text)
        assert rq_id is not None
        self.admission.correct(QUEUE, text, self._sizes[owner])
        self.on_end(rq_id)
        self.admission.pump(QUEUE)

    def served_to(self, tenant: str) -> int:
        """Return the seconds that the batches of a tenant have got."""
        return sum(self.served[owner] for owner, each in self._tenants.items() if each == tenant)

    def num_handed(self, tenant: str | None = None) -> int:
        """Return how many entries RQ has, of all or of one tenant's batches."""
        entries = cast("list[bytes]", self.jobs.lrange(LISTS.waiting, 0, -1))
        entries += cast("list[bytes]", self.jobs.zrange(LISTS.running, 0, -1))
        owners = [_owner(entry.decode()) for entry in entries]
        return sum(tenant in {None, self._tenants.get(owner)} for owner in owners)


def _owner(text: str) -> str:
    rq_id = RqId.parse(text)
    assert rq_id is not None
    return rq_id.owner
