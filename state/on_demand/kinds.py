"""The kinds of items made on demand: one row each says where the record is, which call makes it, and how it fails.

To add a kind: a row here, a task in `contracts/kinds.py`, a worker function that calls `make` of
`workers/runtime/on_demand.py`, and a route that calls `wait` of `app/on_demand.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from contracts.base import Artefact, Model
from contracts.batches import ShardRecord
from contracts.errors.tree import (
    ExportFailed,
    ExportNotReady,
    HandsOffError,
    ShardFailed,
    ShardNotReady,
)
from contracts.exports import ExportRecord, ExportRef
from contracts.jobs import JobError
from contracts.kinds import RETENTION
from contracts.streams import StreamShardRef
from state import keys
from state.on_demand.ledger import Item
from state.queues import Call, export_call, stream_call

Ref = TypeVar("Ref")
Record = TypeVar("Record", bound=Model)


@dataclass(frozen=True)
class ItemKind(Generic[Ref, Record]):
    """One kind of item. `Ref` names an item and crosses the queue as text; `Record` is written when it is made."""

    item: Callable[[Ref], Item]
    """Owner and name of the item in Redis. The owner's text is that of its reference; names are unique within it."""
    parse: Callable[[str], Ref]
    """Reads the argument of the call."""
    call: Callable[[Ref, int], Call]
    """The call that makes the item. The number is another one each time, for the id in the queue."""
    record_type: type[Record]
    record_key: Callable[[Ref], str]
    """Key of the record in the store. An item with a record is complete."""
    artefacts: Callable[[Record], tuple[Artefact, ...]]
    """The objects that the record pins."""
    tombstone_key: Callable[[Ref], str]
    """Key of the owner's tombstone. Nothing stays of an item whose owner has one."""
    not_ready: Callable[[Ref], HandsOffError]
    """The error of a request whose wait ends without the item."""
    failed: Callable[[Ref, JobError], HandsOffError]
    """The error of a request for an item that could not be made."""
    failure_kept: timedelta = RETENTION
    """How long a failure is reported that a retry cannot fix."""
    retryable_failure_kept: timedelta = timedelta(seconds=30)
    """How long a failure is reported before the item is tried again."""

    def kept(self, error: JobError) -> timedelta:
        """Return how long an error is reported."""
        return self.retryable_failure_kept if error.retryable else self.failure_kept


STREAM_SHARDS: ItemKind[StreamShardRef, ShardRecord] = ItemKind(
    item=lambda shard: Item(str(shard.stream), str(shard.index)),
    parse=StreamShardRef.parse,
    call=stream_call,
    record_type=ShardRecord,
    record_key=lambda shard: keys.shard_record(shard.stream, shard.index),
    artefacts=lambda record: (record.tar,),
    tombstone_key=lambda shard: keys.stream_tombstone(shard.stream),
    not_ready=lambda shard: ShardNotReady(shard.stream.id, shard.index),
    failed=lambda shard, error: ShardFailed(shard.stream.id, shard.index, error.code, error.detail),
)

EXPORTS: ItemKind[ExportRef, ExportRecord] = ItemKind(
    item=lambda export: Item(str(export.batch), f"export-{export.variant}"),
    parse=ExportRef.parse,
    call=export_call,
    record_type=ExportRecord,
    record_key=keys.export_record,
    artefacts=lambda record: (record.archive,),
    tombstone_key=lambda export: keys.job_tombstone(export.batch),
    not_ready=lambda export: ExportNotReady(export.batch.id, export.variant),
    failed=lambda export, error: ExportFailed(
        export.batch.id, export.variant, error.code, error.detail
    ),
)
