"""`python -m benchmarks.service.streams`: measure waits of stream readers and idle time of the worker.

After a short fit of the built-in generator, readers use a service with one worker over HTTP. First, single requests of
8 pairs, as distant shards and as batches, measure the wait beyond rendering. Then two training loops use the client's
`HandsOffDataset`. The fast loop takes batches as soon as possible and measures how busy the worker is. The slow loop
takes longer per batch than the worker and measures its waits. Last, the idle worker is measured. The last line is JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

import torch

from benchmarks.service.running import running_service
from benchmarks.service.stream_readers import ALL_STREAMS, BATCH_SIZE, Stream, StreamService
from contracts.batches import ShardRecord
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from handsoff_client import HandsOff
from state import keys

SMALL_SHARD = 8
WARM_UP = 3
"""Shards that each reader skips before it measures."""


def main() -> None:
    """Start the service, fit, run the readers and print the result."""
    parsed = _parse()
    with running_service() as running:
        service = StreamService(running)
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
    print(json.dumps(results))


def _far_apart(stream: Stream, count: int = 20) -> dict[str, float]:
    """Return each wait minus the time to render the shard and to finish a rendering already in progress."""
    overheads = []
    for number in range(count):
        shard = 100 * number
        requested_at, received_at = stream.fetch(shard)
        own = next(record for record in stream.rendered() if record.index == shard)
        others = stream.service.rendered(ALL_STREAMS)
        before = [other.finished_at for other in others if other.finished_at <= own.started_at]
        free_at = max([requested_at, *before])
        idle = (own.started_at - free_at) + (received_at - own.finished_at)
        overheads.append(round(idle.total_seconds() * 1_000))
    _print(f"overhead of a shard of 8 in ms: {overheads}")
    return {"shard_overhead_ms_median": median(overheads), "shard_overhead_ms_max": max(overheads)}


def _small_batches(service: StreamService, count: int = 20) -> dict[str, float]:
    """Return the time from the request of a batch of 8 to its last byte, minus its rendering."""
    service.settle()
    overheads = []
    with HandsOff(service.running.address) as client:
        for number in range(count):
            began = time.monotonic()
            batch = client.batches.create(fit=service.running.fit, n=SMALL_SHARD, seed=number)
            client.batches.wait(batch.id)
            service.running.client.fetch(client.batches.shards(batch.id)[0].url)
            seconds = time.monotonic() - began
            ref = JobRef(tenant=DEFAULT_TENANT, id=batch.id)
            (record,) = service.rendered(keys.shards_prefix(ref))
            overheads.append(round((seconds - record.render_seconds) * 1_000))
    _print(f"overhead of a batch of 8 in ms: {overheads}")
    return {"batch_overhead_ms_median": median(overheads), "batch_overhead_ms_max": max(overheads)}


def _fast(stream: Stream, parsed: argparse.Namespace) -> dict[str, float]:
    """Measure the share of time, after the warm-up, in which the worker renders and stores."""
    batches = stream.batches()
    _train(batches, WARM_UP * parsed.shard_size // BATCH_SIZE)
    began_at, processor = datetime.now(UTC), stream.processor_seconds()
    waits = _train(batches, parsed.shards * parsed.shard_size // BATCH_SIZE)
    ended_at = datetime.now(UTC)
    processor = stream.processor_seconds() - processor
    del batches  # stops the requests of the DataLoader's worker
    stream.service.settle()
    rendered = stream.rendered()
    whole = (ended_at - began_at).total_seconds()
    busy = sum(_seconds_within(record, began_at, ended_at) for record in rendered)
    gaps = [
        (after.started_at - before.finished_at).total_seconds()
        for before, after in pairwise(rendered)
    ]
    _print(
        f"fast: {len(waits)} batches in {whole:.1f} s, median gap between shards {median(gaps):.3f} s"
    )
    return {
        "fast_busy_share": round(busy / whole, 4),
        "fast_processor_share": round(processor / whole / torch.get_num_threads(), 3),
        "fast_waiting_share": round(sum(waits) / whole, 3),
        "fast_shard_seconds": round(median(record.render_seconds for record in rendered), 3),
    }


def _slow(
    stream: Stream, cached: Stream, parsed: argparse.Namespace, shard_seconds: float
) -> dict[str, float | int]:
    """Measure the waits of a training loop slower than the worker, and the rendering after the loop ends.

    A second loop takes batches at the same times from shards in the disk cache. It measures the time to hand over a
    batch that is already available.
    """
    step_seconds = parsed.slowness * shard_seconds * BATCH_SIZE / parsed.shard_size
    warm_up = WARM_UP * parsed.shard_size // BATCH_SIZE
    num_steps = warm_up + parsed.shards * parsed.shard_size // BATCH_SIZE
    both = _in_turn(stream.batches(), cached.batches(), num_steps, step_seconds)
    waits, on_disk = (each[warm_up:] for each in both)
    whole = sum(waits) + sum(on_disk) + len(waits) * step_seconds
    stall = sum(waits) - sum(on_disk)
    _print(f"slow: {len(waits)} steps of {step_seconds:.3f} s in {whole:.1f} s")
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
    """Take a batch of each in turn, with a pause after both. Returns the seconds of each wait."""
    waits: tuple[list[float], list[float]] = ([], [])
    for _ in range(num_steps):
        for batches, seconds in zip((first, second), waits, strict=True):
            seconds.extend(_train(batches, 1))
        time.sleep(step_seconds)
    return waits


def _idle(stream: Stream, seconds: float) -> dict[str, float | int]:
    """Count the shards rendered beyond the last request, and the activity of the worker after them."""
    stream.service.settle()
    last, before = stream.last_requested(), len(stream.service.rendered(ALL_STREAMS))
    processor = stream.processor_seconds()
    time.sleep(seconds)
    return {
        "ahead_of_last_requested": sum(record.index > last for record in stream.rendered()),
        "look_ahead": stream.service.running.settings.stream_look_ahead,
        "idle_seconds": seconds,
        "idle_rendered": len(stream.service.rendered(ALL_STREAMS)) - before,
        "idle_processor_seconds": round(stream.processor_seconds() - processor, 2),
    }


def _train(batches: Iterator[object], num_steps: int) -> list[float]:
    """Take batches like a training loop without computation. Returns the seconds of each wait."""
    waits = []
    for _ in range(num_steps):
        began = time.monotonic()
        next(batches)
        waits.append(time.monotonic() - began)
    return waits


def _seconds_within(record: ShardRecord, begin: datetime, end: datetime) -> float:
    """Return how many seconds of rendering and storing a shard lie between two times."""
    inside = min(record.finished_at, end) - max(record.started_at, begin)
    return max(0.0, inside.total_seconds())


def _print(text: str) -> None:
    print(text, file=sys.stderr)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.streams", description=__doc__
    )
    parser.add_argument(
        "--shard-size", type=int, default=32, help="samples per shard of the training loops"
    )
    parser.add_argument("--shards", type=int, default=20, help="shards per loop, after its warm-up")
    parser.add_argument(
        "--slowness", type=float, default=1.5, help="step time over the worker's time per batch"
    )
    parser.add_argument("--idle-seconds", type=float, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    main()
