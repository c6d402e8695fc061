"""A stream: a batch without an end, whose shard k is rendered when somebody is about to need it.

Its request, its reference and that of one shard, the claim on a shard that is under way, and which shards to render
ahead of a reader. A stream is no job: it never ends, so it has no status and no manifest.
"""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.base import Model, Timestamp
from contracts.batches import Recipe
from contracts.ids import StreamId, TenantId
from contracts.jobs import JobRef

MAX_SAMPLES = 10**9
"""Samples have names of nine digits. At a hundred samples a second, that is four months; another seed has as many."""


class StreamRef(Model):
    """Names one stream of one tenant: `tenant/stream_0192...`."""

    tenant: TenantId
    id: StreamId

    def __str__(self) -> str:
        return f"{self.tenant}/{self.id}"


ShardOwner = JobRef | StreamRef
"""What has shards: a batch (by its job), or a stream."""


class StreamShardRef(Model):
    """Names one shard of one stream: `tenant/stream_0192.../17`."""

    stream: StreamRef
    index: Annotated[int, Field(ge=0)]

    @property
    def owner(self) -> StreamRef:
        """The stream."""
        return self.stream

    @property
    def part(self) -> str:
        """The shard, in six digits."""
        return f"{self.index:06d}"

    def __str__(self) -> str:
        return f"{self.stream}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises `ValidationError` for anything else."""
        tenant, stream_id, index = text.split("/")
        return cls.model_validate({"stream": {"tenant": tenant, "id": stream_id}, "index": index})


class StreamRequest(Recipe):
    """`streams/{id}/request.json`: a stream as its shards will be rendered, whatever changes around it."""

    kind: Literal["stream"] = "stream"
    id: StreamId

    @property
    def ref(self) -> StreamRef:
        """The reference that crosses the queue."""
        return StreamRef(tenant=self.tenant, id=self.id)

    @property
    def num_shards(self) -> int:
        """How many shards there can be: as many as nine digits have names for."""
        return MAX_SAMPLES // self.shard_size

    def samples(self, shard: int) -> range:
        """The sample indices of shard `shard`; every shard is full."""
        if not 0 <= shard < self.num_shards:
            raise IndexError(f"shard {shard} of stream {self.id}, which has {self.num_shards}")
        return range(shard * self.shard_size, (shard + 1) * self.shard_size)


class Claim(Model):
    """A shard that is queued or being rendered: under which id, and since when."""

    rq_id: str
    at: Timestamp


def shards_ahead(
    index: int, num_shards: int, *, window: int, claimed: Collection[int]
) -> list[int]:
    """The shards to render ahead of a reader of shard `index`, the next one first.

    At most `window` claims of a stream are look-ahead, however many read it, so that a stream cannot flood the queue.
    """
    room = window - sum(other != index for other in claimed)
    ahead = range(index + 1, min(index + 1 + window, num_shards))
    return [other for other in ahead if other not in claimed][: max(0, room)]
