"""A stream: an endless batch whose shards are rendered shortly before readers need them.

Its request, the references of a stream and of one shard, and the shards to render ahead of a reader. A stream is not a
job: it never ends, so it has no status and no manifest.
"""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.base import Model
from contracts.ids import StreamId, TenantId
from contracts.jobs import JobRef
from contracts.recipes.recipe import Recipe
from contracts.recipes.steering import Steering

MAX_SAMPLES = 10**9
"""Sample names have nine digits. At 100 samples per second this lasts four months; then use another seed."""


class StreamRef(Model):
    """Reference to one stream of one tenant: `tenant/stream_0192...`."""

    tenant: TenantId
    id: StreamId

    def __str__(self) -> str:
        return f"{self.tenant}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference in the text that `str` returns. Raises `ValidationError` for other text."""
        tenant, _, stream_id = text.partition("/")
        return cls(tenant=tenant, id=stream_id)


ShardOwner = JobRef | StreamRef
"""The owner of shards: a batch (by its job) or a stream."""


class StreamShardRef(Model):
    """Reference to one shard of one stream: `tenant/stream_0192.../17`."""

    stream: StreamRef
    index: Annotated[int, Field(ge=0)]

    @property
    def owner(self) -> StreamRef:
        """The stream."""
        return self.stream

    @property
    def part(self) -> str:
        """The index of the shard, in six digits."""
        return f"{self.index:06d}"

    def __str__(self) -> str:
        return f"{self.stream}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference in the text that `str` returns. Raises `ValidationError` for other text."""
        stream, _, index = text.rpartition("/")
        return cls.model_validate({"stream": StreamRef.parse(stream), "index": index})


class StreamRequest(Recipe):
    """`streams/{id}/request.json`: everything that decides the samples of a stream.

    With `steering`, the stored versions of its steering state (`contracts/recipes/steering.py`) decide too.
    """

    kind: Literal["stream"] = "stream"
    id: StreamId
    steering: Steering | None = None

    @property
    def ref(self) -> StreamRef:
        """The reference of the stream."""
        return StreamRef(tenant=self.tenant, id=self.id)

    @property
    def num_shards(self) -> int:
        """The number of shards, which is limited by the nine digits of sample names."""
        return MAX_SAMPLES // self.shard_size

    def samples(self, shard: int) -> range:
        """Return the sample indices of a shard. Every shard is full. Raises `IndexError` past the last one."""
        if not 0 <= shard < self.num_shards:
            raise IndexError(
                f"expected a shard from 0 to {self.num_shards - 1} of '{self.id}', got {shard}"
            )
        return range(shard * self.shard_size, (shard + 1) * self.shard_size)


def shards_ahead(
    index: int, num_shards: int, *, window: int, claimed: Collection[int]
) -> list[int]:
    """Return the shards to render ahead of a reader of shard `index`, the next one first.

    A stream has at most `window` look-ahead claims for all its readers together, so it cannot flood the queue.
    """
    room = window - sum(other != index for other in claimed)
    ahead = range(index + 1, min(index + 1 + window, num_shards))
    return [other for other in ahead if other not in claimed][: max(0, room)]
