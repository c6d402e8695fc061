"""A stream: one shard of it, rendered because somebody is about to need it, and told to whoever waits.

Also its sweep: shards that nobody has asked for in a long time go, and are rendered again when somebody does.
"""

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog

from contracts.base import now
from contracts.errors.jobs import JobFailed
from contracts.streams import StreamRef, StreamRequest, StreamShardRef
from state import keys, records
from state.settings import Settings
from state.store import ObjectInfo
from state.stream_ledger import StreamLedger
from workers.rendering.pilots import measure_pilot
from workers.rendering.shards import ShardPlace, render_shard, store_record
from workers.runtime.jobs import LOOK_EVERY_SECONDS, reason_of
from workers.runtime.machine import Machine

log = structlog.get_logger()

IN_USE = timedelta(minutes=1)
"""A shard that was asked for so short a time ago may be on its way to a reader: it stays, however many there are."""


_NEVER = datetime.fromtimestamp(0, UTC)


class NotWanted(Exception):
    """The stream was deleted, or nobody reads it any more."""


def run_shard(machine: Machine, argument: str, attempt: int) -> None:
    """Renders one shard, unless it is there or nobody wants it, and tells whoever waits."""
    shard = StreamShardRef.parse(argument)
    ledger = StreamLedger(machine.ledger)
    ledger.begun(shard.stream, shard.index)
    log.info("shard begun", shard=argument, attempt=attempt)
    try:
        _render(machine, ledger, shard)
    except NotWanted:
        log.info("shard not wanted", shard=argument)
    except JobFailed as error:
        ledger.fail(shard.stream, shard.index, reason_of(error))
        log.warning("shard failed", shard=argument, code=error.code, detail=error.detail)
    ledger.release(shard.stream, shard.index)


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """Tells whoever waits that the last retry has failed with trouble of the machine."""
    shard = StreamShardRef.parse(argument)
    ledger = StreamLedger(machine.ledger)
    log.error("shard failed for good", shard=argument, error=repr(error))
    ledger.fail(shard.stream, shard.index, reason_of(error))
    ledger.release(shard.stream, shard.index)


def free_lost_claims(machine: Machine, stream: StreamRef, queued: set[str]) -> None:
    """Frees shards that no queue knows of: whoever waits for one queues it again. `queued` are the stream's RQ ids."""
    ledger = StreamLedger(machine.ledger)
    for index, claim in ledger.claims(stream).items():
        is_old = now() - claim.at > machine.settings.heartbeat_interval
        if is_old and claim.rq_id not in queued:
            log.warning("claim freed", stream=str(stream), shard=index)
            ledger.release(stream, index)


def sweep(machine: Machine, stream: StreamRef) -> None:
    """Removes the shards that have become old, and whatever a late worker has left of a deleted stream."""
    found = _by_shard(machine, stream)
    ledger = StreamLedger(machine.ledger)
    if machine.store.head(keys.stream_tombstone(stream)) is not None:
        gone = list(found)
    else:
        asked_at = ledger.asked_at(stream)
        used_at = {
            index: max(asked_at.get(index, _NEVER), *(one.modified_at for one in objects))
            for index, objects in found.items()
        }
        gone = shards_to_sweep(used_at, now(), machine.settings)
    for index in gone:
        # The record first: without it the shard is not there, and nobody meets a record without its tar.
        for one in sorted(found[index], key=lambda one: not one.key.endswith(".json")):
            machine.store.delete(one.key)
    ledger.swept(stream, gone)


def shards_to_sweep(used_at: Mapping[int, datetime], at: datetime, settings: Settings) -> list[int]:
    """Those not used for `stream_shard_ttl`, and those beyond the `stream_shards_kept` used last."""
    newest_first = sorted(used_at, key=lambda index: used_at[index], reverse=True)
    beyond = set(newest_first[settings.stream_shards_kept :])
    return [
        index
        for index in newest_first
        if at - used_at[index] > settings.stream_shard_ttl
        or (index in beyond and at - used_at[index] > IN_USE)
    ]


def _render(machine: Machine, ledger: StreamLedger, shard: StreamShardRef) -> None:
    """Raises `NotWanted`, `JobFailed` when the input is wrong, `Drained` when the worker stops."""
    stream, index = shard.stream, shard.index
    request = records.read(machine.store, keys.stream_request(stream), StreamRequest)
    if request is None or not ledger.is_read(stream):
        raise NotWanted
    if machine.store.head(keys.shard_record(stream, index)) is not None:
        return
    watch = _Watch(machine, stream)
    if request.filter is not None:
        measure_pilot(machine, request, lambda *_: watch.step())
    place = ShardPlace(stream, index, request.samples(index))
    record = render_shard(machine, request, place, watch=lambda _: watch.step())
    watch.look()
    store_record(machine, stream, record)


class _Watch:
    """Marks steps, and about once a second looks whether the stream is still there."""

    def __init__(self, machine: Machine, stream: StreamRef) -> None:
        self._machine = machine
        self._key = keys.stream_tombstone(stream)
        self._looked_at = time.monotonic()

    def step(self) -> None:
        self._machine.pulse.beat()
        if time.monotonic() - self._looked_at >= LOOK_EVERY_SECONDS:
            self.look()

    def look(self) -> None:
        self._looked_at = time.monotonic()
        if self._machine.store.head(self._key) is not None:
            raise NotWanted


def _by_shard(machine: Machine, stream: StreamRef) -> Mapping[int, list[ObjectInfo]]:
    """Every object of every shard: the record, and the tar or the tars of twins."""
    prefix = keys.shards_prefix(stream)
    found: defaultdict[int, list[ObjectInfo]] = defaultdict(list)
    for one in machine.store.list(prefix):
        match = re.match(r"/?([0-9]+)", one.key.removeprefix(prefix))
        if match is not None:
            found[int(match[1])].append(one)
    return found
