"""`python -m benchmarks.streams`: what a stream costs beside the rendering itself, on a real service of one worker.

A quick fit of the built-in generator, then three readers over HTTP: one that asks for far apart shards of 8 (what does
it wait beside renderings), one that reads as fast as it can (how busy is the worker), one that takes longer for a
shard than the worker does (does it wait at all). The last line is JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from contracts import keys, records
from contracts.batches import ShardRecord
from contracts.ids import DEFAULT_TENANT
from contracts.settings import Settings
from contracts.store import Store
from contracts.streams import StreamRef
from examples.demo.demo import render_labelset
from examples.demo.road import Road
from examples.demo.stack import Stack

SHARD_SIZE = 8
WARM_UP = 3
SLOWNESS = 1.5
"""How many renderings the slow reader takes for a shard."""
IDLE_SECONDS = 5


class Reader:
    """A fresh stream of a fit, and what its shards' records say of the rendering."""

    def __init__(self, road: Road, store: Store, fit: str, seed: int) -> None:
        self._road = road
        self._store = store
        stream_id = road.start_stream(fit=fit, seed=seed, shard_size=SHARD_SIZE)
        self._ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)

    def wait(self, shard: int) -> tuple[datetime, datetime]:
        """Reads one shard's record; when it was asked for, and when it was answered."""
        asked_at = datetime.now(UTC)
        self._road.read(f"/v1/streams/{self._ref.id}/shards/{shard}/record?wait=30")
        return asked_at, datetime.now(UTC)

    def settle(self) -> None:
        """Returns when what was rendered ahead of the readers before is done."""
        before = -1
        while (now := len(self.rendered(of_all=True))) != before:
            before = now
            time.sleep(IDLE_SECONDS)

    def rendered(self, *, of_all: bool = False) -> list[ShardRecord]:
        """The records of the stream's shards, or those of all streams, in the order of their time."""
        everything = keys.noun_prefix(DEFAULT_TENANT, "streams")
        prefix = everything if of_all else keys.shards_prefix(self._ref)
        found = [
            records.read(self._store, one.key, ShardRecord)
            for one in self._store.list(prefix)
            if "/shards/" in one.key and one.key.endswith(".json")
        ]
        return sorted(filter(None, found), key=lambda record: record.started_at)


def main() -> None:
    """Start the service, fit, read, and tell."""
    with tempfile.TemporaryDirectory() as name, Stack(Path(name)) as stack:
        stack.start()
        road = Road(stack.address)
        fit = quick_fit(road, Path(name) / "labels")
        url = stack.environment["HANDSOFF_STORE_URL"]
        store = Store.from_settings(Settings(store_url=url))
        seeds = iter(range(100))

        def reader() -> Reader:
            fresh = Reader(road, store, fit, next(seeds))
            fresh.settle()
            return fresh

        _read(reader(), range(WARM_UP))
        results = _far_apart(reader()) | _fast(reader()) | _slow(reader())
        road.close()
    print(json.dumps(results))


def quick_fit(road: Road, folder: Path) -> str:
    """A label generator of all three tasks, trained too shortly to be of use but not to be measured."""
    labelset = road.upload(render_labelset(folder, 4, "--all-truth"))
    quick = {"inversion": {"steps": 10}, "ensemble": {"steps": 60}, "estimate": False}
    fit = road.start_fit(generator="portraits-64", labelset=labelset, options=quick)
    road.succeed(f"/v1/fits/{fit}")
    return fit


def _read(reader: Reader, shards: range, pause: Callable[[], None] = lambda: None) -> list[float]:
    """The seconds that each shard was waited for."""
    waits = []
    for shard in shards:
        asked_at, answered_at = reader.wait(shard)
        waits.append((answered_at - asked_at).total_seconds())
        pause()
    return waits


def _far_apart(reader: Reader, count: int = 20) -> dict[str, object]:
    """What is left of each wait when the shard's own rendering, and that of one that was under way, are taken off."""
    overheads = []
    for number in range(count):
        shard = 100 * number
        asked_at, answered_at = reader.wait(shard)
        mine = next(record for record in reader.rendered() if record.index == shard)
        others = reader.rendered(of_all=True)
        before = [one.finished_at for one in others if one.finished_at <= mine.started_at]
        free_at = max([asked_at, *before])
        idle = (mine.started_at - free_at) + (answered_at - mine.finished_at)
        overheads.append(round(idle.total_seconds() * 1_000))
    _tell(f"overhead in ms: {overheads}")
    return {"overhead_ms_median": median(overheads), "overhead_ms_max": max(overheads)}


def _fast(reader: Reader, count: int = 30) -> dict[str, object]:
    """How much of the time, from the first shard to the last, the worker rendered."""
    _read(reader, range(count))
    rendered = reader.rendered()[WARM_UP:]
    busy = sum(record.render_seconds for record in rendered)
    gaps = [
        (after.started_at - one.finished_at).total_seconds() for one, after in pairwise(rendered)
    ]
    whole = (rendered[-1].finished_at - rendered[0].started_at).total_seconds()
    _tell(
        f"{len(rendered)} shards, {busy / len(rendered):.3f} s each, {median(gaps):.3f} s between"
    )
    return {"fast_reader_busy_share": round(busy / whole, 3)}


def _slow(reader: Reader, count: int = 15) -> dict[str, object]:
    """What a reader waits that leaves the worker time enough; and what is rendered once it has stopped."""
    _read(reader, range(WARM_UP))
    seconds = SLOWNESS * median(record.render_seconds for record in reader.rendered())
    time.sleep(WARM_UP * seconds)  # the warm-up was read as fast as it came
    waits = _read(reader, range(WARM_UP, WARM_UP + count), lambda: time.sleep(seconds))
    time.sleep(IDLE_SECONDS)
    before = len(reader.rendered())
    time.sleep(IDLE_SECONDS)
    _tell(f"waits of the slow reader: {[round(wait, 3) for wait in waits]}")
    return {
        "slow_reader_wait_ms_median": round(median(waits) * 1_000),
        "slow_reader_wait_ms_max": round(max(waits) * 1_000),
        "rendered_while_idle": len(reader.rendered()) - before,
    }


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
