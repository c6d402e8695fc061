"""Renders one shard of a stream for its readers, and sweeps the shards that no reader has requested for a long time.

A swept shard is rendered again when a reader requests it.
"""

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from contracts.base import now
from contracts.batches import ShardRecord
from contracts.streams import StreamRef, StreamRequest, StreamShardRef
from state import keys, records
from state.on_demand.kinds import STREAM_SHARDS
from state.settings import Settings
from state.steering.versions import SteeringVersions
from state.store import ObjectInfo
from state.stream_readers import StreamReaders
from workers.rendering.pilots import measure_pilot
from workers.rendering.shards import ShardSpec, render_shard
from workers.runtime import on_demand
from workers.runtime.jobs import CHECK_EVERY_SECONDS, bind_origin
from workers.runtime.machine import Machine
from workers.runtime.on_demand import NotNeeded

IN_USE = timedelta(minutes=1)
"""A shard that was requested more recently may still be in transfer to a reader, so it is never swept as surplus."""

_NEVER = datetime.fromtimestamp(0, UTC)


def run_shard(machine: Machine, argument: str, attempt: int) -> None:
    """Render one shard, unless its record exists or the stream has no readers."""
    StreamReaders(machine.ledger).note_shards(StreamShardRef.parse(argument).stream)
    on_demand.make(machine, STREAM_SHARDS, argument, attempt, partial(_render, machine))


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """Report a shard whose last retry has failed."""
    on_demand.fail_for_good(machine, STREAM_SHARDS, argument, error)


def sweep(machine: Machine, stream: StreamRef) -> None:
    """Delete old shards, and objects that a late worker has stored for a deleted stream."""
    readers = StreamReaders(machine.ledger)
    if not readers.has_readers(stream):
        readers.note_empty(stream)  # before the listing: a request meanwhile notes it again
    objects = _objects_by_shard(machine, stream)
    if machine.store.head(keys.stream_tombstone(stream)) is not None:
        removed = list(objects)
    else:
        requested_at = readers.requested_at(stream)
        used_at = {
            index: max(requested_at.get(index, _NEVER), *(each.modified_at for each in of_shard))
            for index, of_shard in objects.items()
        }
        removed = shards_to_sweep(used_at, now(), machine.settings)
    for index in removed:
        # The record is deleted first, so no reader finds a record without its tar.
        for each in sorted(objects[index], key=lambda each: not each.key.endswith(".json")):
            machine.store.delete(each.key)
    readers.forget_shards(stream, removed)
    if len(removed) < len(objects):
        readers.note_shards(stream)


def shards_to_sweep(used_at: Mapping[int, datetime], at: datetime, settings: Settings) -> list[int]:
    """Return the shards not used for `stream_shard_ttl`, and all but the `stream_shards_kept` used last."""
    newest_first = sorted(used_at, key=lambda index: used_at[index], reverse=True)
    surplus = set(newest_first[settings.stream_shards_kept :])
    return [
        index
        for index in newest_first
        if at - used_at[index] > settings.stream_shard_ttl
        or (index in surplus and at - used_at[index] > IN_USE)
    ]


def _render(machine: Machine, shard: StreamShardRef) -> ShardRecord:
    """Render one shard and return its record.

    Raises:
        NotNeeded: the stream was deleted or has no readers.
        JobFailed: the input is wrong.
        Drained: the worker is stopping.
    """
    stream, index = shard.stream, shard.index
    request = records.read(machine.store, keys.stream_request(stream), StreamRequest)
    if request is None or not StreamReaders(machine.ledger).has_readers(stream):
        raise NotNeeded
    bind_origin(request)
    watch = _Watch(machine, stream)
    measure_pilot(machine, request, lambda *_: watch.step())
    spec = ShardSpec(stream, index, request.samples(index))
    return render_shard(
        machine,
        request,
        spec,
        on_step=lambda _: watch.step(),
        steering_version=_steering_version(machine, request, index),
    )


def _steering_version(machine: Machine, request: StreamRequest, index: int) -> int | None:
    """Return the version that decides a shard of a steered stream: as late as possible, and then for ever."""
    if request.steering is None:
        return None
    versions = SteeringVersions(machine.store, machine.ledger, request.ref)
    return versions.of_segment(request.steering.segment(index))


class _Watch:
    """Marks steps, and checks about once a second whether the stream was deleted."""

    def __init__(self, machine: Machine, stream: StreamRef) -> None:
        self._machine = machine
        self._key = keys.stream_tombstone(stream)
        self._checked_at = time.monotonic()

    def step(self) -> None:
        self._machine.pulse.beat()
        if time.monotonic() - self._checked_at >= CHECK_EVERY_SECONDS:
            self._checked_at = time.monotonic()
            if self._machine.store.head(self._key) is not None:
                raise NotNeeded


def _objects_by_shard(machine: Machine, stream: StreamRef) -> Mapping[int, list[ObjectInfo]]:
    """Return the objects of each shard: its record, its tar, and the tars of unfinished or late renderings."""
    prefix = keys.shards_prefix(stream)
    objects: defaultdict[int, list[ObjectInfo]] = defaultdict(list)
    for each in machine.store.list(prefix):
        match = re.match(r"/?([0-9]+)", each.key.removeprefix(prefix))
        if match is not None:
            objects[int(match[1])].append(each)
    return objects
