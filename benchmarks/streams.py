"""`python -m benchmarks.streams`: does a training loop on a stream ever wait, and does the worker ever rest.

A quick fit of the built-in generator on a real service of one worker, then readers over HTTP: some that ask for 8
pairs, as far apart shards and as batches (what do they wait beside renderings); and two training loops on the client's
`HandsOffDataset`, one that takes batches as fast as they come (how busy is the worker), one that takes longer for a
batch than the worker does (how long does it wait). Then nobody reads. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from pydantic import SecretStr

from benchmarks.running import processor_seconds, quick_fit
from contracts.batches import ShardRecord
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from contracts.streams import StreamRef
from examples.demo.road import Road
from examples.demo.stack import Stack
from handsoff_client import HandsOff, ShardCache, StreamSource
from handsoff_client.torch import HandsOffDataset
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from state.stream_readers import StreamReaders

SMALL_SHARD = 8
BATCH_SIZE = 8
WARM_UP = 3
"""Shards, of each reader."""
SETTLE_SECONDS = 5
"""Longer than any rendering: when none has ended in so long, none is under way."""


@dataclass(frozen=True)
class Service:
    """A running service of one worker, and this process's own view of its store and its Redis."""

    road: Road
    address: str
    fit: str
    settings: Settings
    worker_pid: int
    cache: Path

    def stream(self, seed: int, shard_size: int) -> "Stream":
        """A stream that nobody has read; whatever was rendered for others is done."""
        self.settle()
        made = self.road.start_stream(fit=self.fit, seed=seed, shard_size=shard_size)
        return Stream(self, StreamRef(tenant=DEFAULT_TENANT, id=made))

    def rendered(self, prefix: str) -> list[ShardRecord]:
        """The records of the shards below a key, in the order of their time."""
        store = Store.from_settings(self.settings)
        found = [
            records.read(store, one.key, ShardRecord)
            for one in store.list(prefix)
            if "/shards/" in one.key and one.key.endswith(".json")
        ]
        return sorted(filter(None, found), key=lambda record: record.started_at)

    def settle(self) -> None:
        """Returns when what was rendered ahead of the readers before is done."""
        before = -1
        while (now := len(self.rendered(_ALL))) != before:
            before = now
            time.sleep(SETTLE_SECONDS)


_ALL = keys.noun_prefix(DEFAULT_TENANT, "streams")


@dataclass(frozen=True)
class Stream:
    """One stream: read by its shards' records or by a dataset, and what was rendered of it."""

    service: Service
    ref: StreamRef

    def fetch(self, shard: int) -> tuple[datetime, datetime]:
        """Reads one shard; when it was asked for, and when its last byte was here."""
        asked_at = datetime.now(UTC)
        self.service.road.fetch(f"/v1/streams/{self.ref.id}/shards/{shard}?wait=30")
        return asked_at, datetime.now(UTC)

    def batches(self) -> Iterator[object]:
        """Training batches as a remote job gets them, by a DataLoader with a worker and a cache on disk."""
        cache = ShardCache(self.service.cache)
        source = StreamSource(self.service.address, self.ref.id, cache=cache)
        return iter(HandsOffDataset(source, batch_size=BATCH_SIZE).loader(num_workers=1))

    def rendered(self) -> list[ShardRecord]:
        """The records of its shards, in the order of their time."""
        return self.service.rendered(keys.shards_prefix(self.ref))

    def last_asked(self) -> int:
        """The furthest shard that was asked for."""
        ledger = Ledger.connect(self.service.settings.redis_url.get_secret_value())
        return max(StreamReaders(ledger).requested_at(self.ref))


def main() -> None:
    """Start the service, fit, read, and tell."""
    parsed = _parse()
    with tempfile.TemporaryDirectory() as name, Stack(Path(name)) as stack:
        stack.start()
        road = Road(stack.address)
        service = Service(
            road,
            stack.address,
            quick_fit(road, Path(name) / "labels"),
            Settings(
                store_url=stack.environment["HANDSOFF_STORE_URL"],
                redis_url=SecretStr(stack.environment["HANDSOFF_REDIS_URL"]),
            ),
            stack.processes["generate"].pid,
            Path(name) / "cache",
        )
        warm = service.stream(0, SMALL_SHARD)
        for shard in range(WARM_UP):
            warm.fetch(shard)
        results: dict[str, object] = {
            "benchmark": "streams",
            "threads": torch.get_num_threads(),
            "shard_size": parsed.shard_size,
            **_far_apart(service.stream(1, SMALL_SHARD)),
            **_small_batches(service),
        }
        read = service.stream(2, parsed.shard_size)
        results |= (fast := _fast(read, parsed))
        unread = service.stream(3, parsed.shard_size)
        results |= _slow(unread, read, parsed, fast["fast_shard_seconds"])
        road.close()
    print(json.dumps(results))


def _far_apart(stream: Stream, count: int = 20) -> dict[str, float]:
    """What is left of each wait when the shard's own rendering, and that of one that was under way, are taken off."""
    overheads = []
    for number in range(count):
        shard = 100 * number
        asked_at, answered_at = stream.fetch(shard)
        mine = next(record for record in stream.rendered() if record.index == shard)
        others = stream.service.rendered(_ALL)
        before = [one.finished_at for one in others if one.finished_at <= mine.started_at]
        free_at = max([asked_at, *before])
        idle = (mine.started_at - free_at) + (answered_at - mine.finished_at)
        overheads.append(round(idle.total_seconds() * 1_000))
    _tell(f"overhead of a shard of 8 in ms: {overheads}")
    return {"shard_overhead_ms_median": median(overheads), "shard_overhead_ms_max": max(overheads)}


def _small_batches(service: Service, count: int = 20) -> dict[str, float]:
    """What is left of each wait for a batch of 8, from the request to its last byte, without its own rendering."""
    service.settle()
    overheads = []
    with HandsOff(service.address) as client:
        for number in range(count):
            began = time.monotonic()
            batch = client.batches.create(fit=service.fit, n=SMALL_SHARD, seed=number)
            client.batches.wait(batch.id)
            service.road.fetch(client.batches.shards(batch.id)[0].url)
            taken = time.monotonic() - began
            ref = JobRef(tenant=DEFAULT_TENANT, id=batch.id)
            (record,) = service.rendered(keys.shards_prefix(ref))
            overheads.append(round((taken - record.render_seconds) * 1_000))
    _tell(f"overhead of a batch of 8 in ms: {overheads}")
    return {"batch_overhead_ms_median": median(overheads), "batch_overhead_ms_max": max(overheads)}


def _fast(stream: Stream, parsed: argparse.Namespace) -> dict[str, float]:
    """How much of the time, from the end of the warm-up to the last batch, the worker rendered and stored."""
    batches = stream.batches()
    _train(batches, WARM_UP * parsed.shard_size // BATCH_SIZE)
    began_at, processor = datetime.now(UTC), processor_seconds(stream.service.worker_pid)
    waits = _train(batches, parsed.shards * parsed.shard_size // BATCH_SIZE)
    ended_at = datetime.now(UTC)
    processor = processor_seconds(stream.service.worker_pid) - processor
    del batches  # the DataLoader's worker stops asking
    stream.service.settle()
    rendered = stream.rendered()
    whole = (ended_at - began_at).total_seconds()
    busy = sum(_seconds_within(record, began_at, ended_at) for record in rendered)
    gaps = [
        (after.started_at - one.finished_at).total_seconds() for one, after in pairwise(rendered)
    ]
    _tell(f"fast: {len(waits)} batches in {whole:.1f} s, between two shards {median(gaps):.3f} s")
    return {
        "fast_busy_share": round(busy / whole, 4),
        "fast_processor_share": round(processor / whole / torch.get_num_threads(), 3),
        "fast_waiting_share": round(sum(waits) / whole, 3),
        "fast_shard_seconds": round(median(record.render_seconds for record in rendered), 3),
    }


def _slow(
    stream: Stream, cached: Stream, parsed: argparse.Namespace, shard_seconds: float
) -> dict[str, float | int]:
    """What a training loop waits for whose steps leave the worker time enough, and what is rendered once it has ended.

    A twin takes batches in the same moments, of shards that are on this disk: what it takes to hand over a batch that
    nobody has to wait for.
    """
    step_seconds = parsed.slowness * shard_seconds * BATCH_SIZE / parsed.shard_size
    warm_up = WARM_UP * parsed.shard_size // BATCH_SIZE
    num_steps = warm_up + parsed.shards * parsed.shard_size // BATCH_SIZE
    both = _in_turn(stream.batches(), cached.batches(), num_steps, step_seconds)
    waits, on_disk = (each[warm_up:] for each in both)
    whole = sum(waits) + sum(on_disk) + len(waits) * step_seconds
    stall = sum(waits) - sum(on_disk)
    _tell(f"slow: {len(waits)} steps of {step_seconds:.3f} s in {whole:.1f} s")
    return {
        "slowness": parsed.slowness,
        "slow_seconds": round(whole, 1),
        "slow_waiting_seconds": round(sum(waits), 3),
        "slow_waiting_seconds_on_disk": round(sum(on_disk), 3),
        "slow_stall_seconds": round(stall, 3),
        "slow_stall_share": round(stall / whole, 5),
        "slow_waiting_ms_max": round(max(waits) * 1_000, 1),
        "slow_waiting_ms_max_on_disk": round(max(on_disk) * 1_000, 1),
        **_idle(stream, parsed.idle_seconds),
    }


def _in_turn(
    first: Iterator[object], second: Iterator[object], num_steps: int, step_seconds: float
) -> tuple[list[float], list[float]]:
    """A batch of each, and a pause, again and again; the seconds that each was waited for."""
    waits: tuple[list[float], list[float]] = ([], [])
    for _ in range(num_steps):
        for batches, found in zip((first, second), waits, strict=True):
            found.extend(_train(batches, 1))
        time.sleep(step_seconds)
    return waits


def _idle(stream: Stream, seconds: float) -> dict[str, float | int]:
    """How many shards were rendered ahead of the last one that was asked for, and what happens when that is done."""
    stream.service.settle()
    last, before = stream.last_asked(), len(stream.service.rendered(_ALL))
    processor = processor_seconds(stream.service.worker_pid)
    time.sleep(seconds)
    return {
        "ahead_of_last_asked": sum(record.index > last for record in stream.rendered()),
        "look_ahead": stream.service.settings.stream_look_ahead,
        "idle_seconds": seconds,
        "idle_rendered": len(stream.service.rendered(_ALL)) - before,
        "idle_processor_seconds": round(
            processor_seconds(stream.service.worker_pid) - processor, 2
        ),
    }


def _train(batches: Iterator[object], num_steps: int) -> list[float]:
    """Takes batches as a training loop does that does nothing else; the seconds that it waited for each."""
    waits = []
    for _ in range(num_steps):
        began = time.monotonic()
        next(batches)
        waits.append(time.monotonic() - began)
    return waits


def _seconds_within(record: ShardRecord, begin: datetime, end: datetime) -> float:
    """How much of a shard's rendering and storing lies between two times."""
    inside = min(record.finished_at, end) - max(record.started_at, begin)
    return max(0.0, inside.total_seconds())


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--shard-size", type=int, default=32, help="samples, of the training loops")
    parser.add_argument("--shards", type=int, default=20, help="of each loop, after its warm-up")
    parser.add_argument("--slowness", type=float, default=1.5, help="step time over the worker's")
    parser.add_argument("--idle-seconds", type=float, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    main()
