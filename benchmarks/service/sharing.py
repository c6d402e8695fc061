"""`python -m benchmarks.service.sharing`: two tenants of a service with one worker share it.

Tenant A queues batches. Beside them tenant B asks for 8 pairs and for a large batch, with `Prefer: wait`, as the client
does. Then windows alternate: A alone, and both tenants with more work than the worker can do. The last line is JSON:

small_waits_shards   how much longer the 8 pairs took than on an idle service, in the time of a shard of A
large_share          the part of the worker's pairs that B got while its large batch ran
equal_share          the part of B in the windows of both tenants, of equal weight
both_against_one     pairs per second in the windows of both tenants, over those of A alone, with its standard error
processor            the same for pairs per second of the worker's processor time: other programs change it little
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, stdev

from benchmarks.service.keyed_tenants import SETTINGS, Tenant, create_tenant
from benchmarks.service.running import QUICK_OPTIONS, processor_seconds
from contracts.batches import ShardRecord
from examples.demo.demo import render_labelset
from examples.demo.stack import Stack
from handsoff_client import HandsOff
from state import keys, records
from state.settings import Settings
from state.store import Store

SMALL = 8
PATIENCE = timedelta(hours=1)


@dataclass
class Customer:
    """A tenant with a fit, and its view of the store."""

    tenant: str
    client: HandsOff
    store: Store
    fit: str
    seed: int = 0

    def create(self, num_pairs: int, shard_size: int = 256) -> str:
        """Request a batch. Returns its id."""
        self.seed += 1
        return self.client.batches.create(
            fit=self.fit, n=num_pairs, seed=self.seed, shard_size=shard_size
        ).id

    def interval(self, num_pairs: int) -> tuple[datetime, datetime]:
        """Request a batch and wait for it. Returns when it was created and finished, by the service's clock."""
        batch = self.client.batches.wait(self.create(num_pairs), timeout=PATIENCE)
        assert batch.finished_at is not None
        return batch.created_at, batch.finished_at

    def pairs_between(self, began: datetime, ended: datetime) -> float:
        """Return the pairs that the worker rendered in a time, shards at its edges by their part."""
        found = (
            records.read(self.store, one.key, ShardRecord)
            for one in self.store.list(keys.noun_prefix(self.tenant, "batches"))
            if "/shards/" in one.key and one.key.endswith(".json")
        )
        return sum(_part(shard, began, ended) for shard in found if shard is not None)

    def cancel_all(self) -> None:
        """Cancel all batches that have not ended."""
        for status in ("queued", "running"):
            for batch in self.client.batches.list(status=status):
                self.client.batches.cancel(batch.id)


@dataclass(frozen=True)
class Window:
    """What the worker did in a time: pairs per second, pairs per second of its processor time, and the part of B."""

    pace: float
    processor_pace: float
    share: float


def main() -> None:
    """Start the service, measure, and print the result."""
    parsed = _parse()
    with _customers() as (a, b, worker):
        for customer in (a, b):
            customer.interval(SMALL)  # loads the networks
        idle_small, idle_shard = (_seconds(b.interval(n)) for n in (SMALL, parsed.pairs))
        for _ in range(parsed.batches):
            a.create(parsed.pairs)
        beside_small = _seconds(b.interval(SMALL))
        large = b.interval(parsed.large)
        large_share = _share(b, a, *large)
        print(f"idle {idle_small}, beside {beside_small}, large {large}", file=sys.stderr)
        alone, both = [], []
        for _ in range(parsed.rounds):
            alone.append(_window(a, b, worker, parsed))
            for _ in range(parsed.batches):
                b.create(parsed.pairs)
            both.append(_window(a, b, worker, parsed))
            b.cancel_all()
            print(f"alone {alone[-1]}, both {both[-1]}", file=sys.stderr)
    pairs = list(zip(alone, both, strict=True))
    result = {
        "benchmark": "sharing",
        "batches": parsed.batches,
        "small_waits_shards": round((beside_small - idle_small) / idle_shard, 2),
        "large_share": round(large_share, 3),
        "equal_share": round(mean(one.share for one in both), 3),
        "both_against_one": _ratio([two.pace / one.pace for one, two in pairs]),
        "processor": _ratio([two.processor_pace / one.processor_pace for one, two in pairs]),
    }
    print(json.dumps(result))


@contextmanager
def _customers() -> Iterator[tuple[Customer, Customer, int]]:
    """Start a service with two tenants that have fits, and yield them and the process id of the renderer."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        stack = opened.enter_context(Stack(folder, settings=SETTINGS))
        tenants = [create_tenant(stack, name) for name in ("alpha", "beta")]
        stack.start()
        images = render_labelset(folder / "labels", 4, "--all-truth")
        store = Store.from_settings(Settings(store_url=stack.environment["HANDSOFF_STORE_URL"]))
        first, second = (
            _with_fit(opened.enter_context(_client(stack, tenant)), tenant, store, images)
            for tenant in tenants
        )
        worker = stack.processes["generate"]
        assert isinstance(worker, subprocess.Popen)
        yield first, second, worker.pid


def _client(stack: Stack, tenant: Tenant) -> HandsOff:
    return HandsOff(stack.address, api_key=tenant.key)


def _with_fit(client: HandsOff, tenant: Tenant, store: Store, images: Path) -> Customer:
    """Fit a label generator with few steps."""
    labelset = client.labelsets.upload(images)
    fit = client.fits.create(generator="portraits-64", labelset=labelset.id, options=QUICK_OPTIONS)
    client.fits.wait(fit.id, timeout=PATIENCE)
    return Customer(tenant.name, client, store, fit.id)


def _window(a: Customer, b: Customer, worker: int, parsed: argparse.Namespace) -> Window:
    """Let the worker work for a time. Returns what it did."""
    time.sleep(parsed.settle)  # the worker finishes what it had
    began, processor = datetime.now(UTC), processor_seconds(worker)
    time.sleep(parsed.seconds)
    ended, processor = datetime.now(UTC), processor_seconds(worker) - processor
    time.sleep(parsed.settle)  # the last shards of the window get their records
    pairs = a.pairs_between(began, ended) + b.pairs_between(began, ended)
    return Window(pairs / parsed.seconds, pairs / processor, _share(b, a, began, ended))


def _share(one: Customer, other: Customer, began: datetime, ended: datetime) -> float:
    """Return the part of one of two customers in the pairs of a time."""
    own, foreign = (each.pairs_between(began, ended) for each in (one, other))
    return own / max(1e-9, own + foreign)


def _part(shard: ShardRecord, began: datetime, ended: datetime) -> float:
    """Return how many of a shard's pairs were rendered in a time."""
    inside = min(ended, shard.finished_at) - max(began, shard.started_at)
    part = inside / max(timedelta(microseconds=1), shard.finished_at - shard.started_at)
    return shard.num_samples * max(0.0, part)


def _seconds(interval: tuple[datetime, datetime]) -> float:
    return (interval[1] - interval[0]).total_seconds()


def _ratio(values: list[float]) -> list[float]:
    """Return the mean and its standard error; 0 for one value."""
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return [round(mean(values), 3), round(error, 3)]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.sharing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=256, help="pairs of each queued batch")
    parser.add_argument("--batches", type=int, default=200, help="batches that a tenant queues")
    parser.add_argument("--large", type=int, default=2_560, help="pairs of B's large batch")
    parser.add_argument("--rounds", type=int, default=4, help="pairs of windows")
    parser.add_argument("--seconds", type=float, default=60, help="of each window")
    parser.add_argument("--settle", type=float, default=10, help="seconds beside each window")
    return parser.parse_args()


if __name__ == "__main__":
    main()
