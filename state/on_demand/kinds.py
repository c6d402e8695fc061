"""The kinds of items made on demand. Each row has the key of the record, the call that makes the item, and its errors.

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
    Unavailable,
)
from contracts.exports import ExportRecord, ExportRef
from contracts.generators.sheets import SheetRecord, SheetRef
from contracts.jobs import JobError
from contracts.kinds import RETENTION
from contracts.streams import StreamShardRef
from state import keys
from state.on_demand import paths
from state.on_demand.ledger import Item
from state.queues import Call, export_call, sheet_call, stream_call

Ref = TypeVar("Ref")
Record = TypeVar("Record", bound=Model)


@dataclass(frozen=True)
class ItemKind(Generic[Ref, Record]):
    """One kind of item. `Ref` names an item and crosses the queue as text; `Record` is written when it is made."""

    item: Callable[[Ref], Item]
    """Returns owner and name of the item in Redis. The owner is the text of its reference, such as a `JobRef`."""
    parse: Callable[[str], Ref]
    """Parses the argument of the call."""
    call: Callable[[Ref, int], Call]
    """Returns the call that makes the item. Its number is different each time, because ids in the queue are unique."""
    record_type: type[Record]
    record_key: Callable[[Ref], str]
    """Returns the key of the record in the store. An item with a record is complete."""
    artefacts: Callable[[Record], tuple[Artefact, ...]]
    """Returns the objects that the record pins."""
    tombstone_key: Callable[[Ref], str]
    """Returns the key of the owner's tombstone. All items of a deleted owner are removed."""
    not_ready: Callable[[Ref], HandsOffError]
    """Returns the error of a request that waited until its limit."""
    failed: Callable[[Ref, JobError], HandsOffError]
    """Returns the error of a request for an item that could not be made."""
    failure_ttl: timedelta = RETENTION
    """How long a permanent failure is reported."""
    retryable_failure_ttl: timedelta = timedelta(seconds=30)
    """How long a retryable failure is reported before the item is tried again."""

    def ttl(self, error: JobError) -> timedelta:
        """Return how long an error is reported."""
        return self.retryable_failure_ttl if error.retryable else self.failure_ttl


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
    record_key=paths.export_record,
    artefacts=lambda record: (record.archive,),
    tombstone_key=lambda export: keys.job_tombstone(export.batch),
    not_ready=lambda export: ExportNotReady(export.batch.id, export.variant),
    failed=lambda export, error: ExportFailed(
        export.batch.id, export.variant, error.code, error.detail
    ),
)

SHEETS: ItemKind[SheetRef, SheetRecord] = ItemKind(
    item=lambda sheet: Item(str(sheet.generator), f"sheet-{sheet.variant}"),
    parse=SheetRef.parse,
    call=sheet_call,
    record_type=SheetRecord,
    record_key=paths.sheet_record,
    artefacts=lambda record: (record.picture,),
    tombstone_key=lambda sheet: keys.job_tombstone(sheet.generator),
    not_ready=lambda sheet: Unavailable(
        f"Samples of '{sheet.generator.id}' are being drawn. Retry in a moment."
    ),
    failed=lambda sheet, error: HandsOffError(
        f"Samples of '{sheet.generator.id}' could not be drawn ({error.code}): {error.detail}"
    ),
    failure_ttl=timedelta(minutes=10),
)
