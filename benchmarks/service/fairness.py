"""`python -m benchmarks.service.fairness`: requests beside many queued batches, and batches beside greedy readers.

A service with one worker renders batches of 8 and 256 pairs while it is idle, then beside queued batches. The caller
waits with `Prefer: wait`, as the client does. Then three readers request shards of streams as fast as they can, and the
share of the worker's time that the batches keep is measured. The last line is JSON.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from benchmarks.service.running import RunningService, running_service
from contracts.batches import ShardRecord
from contracts.ids import DEFAULT_TENANT
from handsoff_client import HandsOff
from state import keys, records
from state.store import Store

SMALL = 8


def main() -> None:
    """Start the service, measure, and print the result."""
    parsed = _parse()
    with running_service() as running, HandsOff(running.address) as client:
        ask = _Caller(running, client)
        ask.seconds(SMALL)  # loads the networks
        idle = {n: ask.seconds(n) for n in (SMALL, parsed.pairs)}
        print(f"idle: {idle}", file=sys.stderr)
        for _ in range(parsed.batches):
            ask.create(parsed.pairs)
        beside = {n: ask.seconds(n) for n in (SMALL, parsed.pairs)}
        print(f"beside {parsed.batches} batches: {beside}", file=sys.stderr)
        with _greedy_readers(ask, parsed.readers):
            share = ask.share_of_batches(parsed.seconds)
    shard = idle[parsed.pairs]
    result = {
        "benchmark": "fairness",
        "pairs": parsed.pairs,
        "batches": parsed.batches,
        **{f"idle_seconds_{n}": round(seconds, 2) for n, seconds in idle.items()},
        **{f"beside_seconds_{n}": round(seconds, 2) for n, seconds in beside.items()},
        "small_waits_shards": round((beside[SMALL] - idle[SMALL]) / shard, 2),
        "large_takes_shards": round(beside[parsed.pairs] / shard, 2),
        "readers": parsed.readers,
        "share_of_batches": round(share, 3),
    }
    print(json.dumps(result))


class _Caller:
    """A caller of a running service, and its view of the store."""

    def __init__(self, running: RunningService, client: HandsOff) -> None:
        self.running, self.client = running, client
        self._seed = 0

    def create(self, num_pairs: int) -> str:
        """Request a batch. Returns its id."""
        self._seed += 1
        return self.client.batches.create(fit=self.running.fit, n=num_pairs, seed=self._seed).id

    def seconds(self, num_pairs: int) -> float:
        """Request a batch and wait for it. Returns the seconds by the service's clock."""
        batch = self.client.batches.wait(self.create(num_pairs))
        assert batch.finished_at is not None
        return (batch.finished_at - batch.created_at).total_seconds()

    def share_of_batches(self, seconds: float) -> float:
        """Return the share of the rendering time of some seconds that shards of batches got."""
        began = datetime.now().astimezone()
        time.sleep(seconds)
        took = {noun: self._rendered(noun, began) for noun in ("batches", "streams")}
        print(f"rendered in {seconds} s: {took}", file=sys.stderr)
        return took["batches"] / max(1e-9, sum(took.values()))

    def _rendered(self, noun: keys.Noun, began: datetime) -> float:
        """Return the seconds of rendering since a time, over all shards of a noun."""
        store = Store.from_settings(self.running.settings)
        found = (
            records.read(store, one.key, ShardRecord)
            for one in store.list(keys.noun_prefix(DEFAULT_TENANT, noun))
            if "/shards/" in one.key and one.key.endswith(".json")
        )
        return sum(
            (one.finished_at - max(began, one.started_at)).total_seconds()
            for one in found
            if one is not None and one.finished_at > began
        )


@contextmanager
def _greedy_readers(ask: _Caller, number: int) -> Iterator[None]:
    """Let readers request one shard after another, each of a stream, during the block."""
    stopped = threading.Event()

    def read(seed: int) -> None:
        with HandsOff(ask.running.address) as client:
            stream = client.streams.create(fit=ask.running.fit, shard_size=32, seed=seed)
            for shard in range(10_000):
                if stopped.is_set():
                    return
                client.streams.shard(stream.id, shard)

    readers = [threading.Thread(target=read, args=(seed,), daemon=True) for seed in range(number)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        stopped.set()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.fairness", description=__doc__
    )
    parser.add_argument("--pairs", type=int, default=256, help="pairs of each queued batch")
    parser.add_argument("--batches", type=int, default=200, help="queued batches")
    parser.add_argument("--readers", type=int, default=3, help="greedy readers of streams")
    parser.add_argument("--seconds", type=float, default=120, help="how long the readers read")
    return parser.parse_args()


if __name__ == "__main__":
    main()
