"""`python -m benchmarks.load`: 300 clients and 600 waiting requests against a running service.

40% of the clients poll a job, 15% each read lists, download shards, wait for the end of a batch, and follow its live
events. 600 more requests wait for a job that is cancelled at the end: each must be answered then. One worker renders a
batch of 8 after another. All clients are one asyncio process, beside those of the service. The last line is JSON:

clients      the number of clients, without the waiting requests (`waiters`)
errors       answers with status 400 or more, and broken connections
hung         requests without an answer in 60 s, and waiters that were not answered after the cancellation
poll_p50_ms  half of the polls were answered within this time; p99: 99 of 100. It includes the clients' own delay
rss_before   bytes of memory of the app, after its warm-up and before the clients
rss_after    bytes of memory of the app, after the last client

`--soak` runs for 30 minutes by default. It adds the memory of the app in the middle, and that of Redis three times.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks.load.tally import Tally
from benchmarks.load.visitors import Scene, make_batches, new_http, visit, wait_long
from benchmarks.service.running import QUICK_OPTIONS, quick_fit
from examples.demo.plain_client import PlainClient
from examples.demo.stack import Stack

MINUTES, SOAK_MINUTES = 5.0, 30.0
END_SECONDS = 30.0
"""How long the waiters may take to be answered, once their job is cancelled."""


@dataclass(frozen=True)
class Memory:
    """Bytes of memory of the app and of Redis."""

    app: int
    redis: int

    @classmethod
    def of(cls, stack: Stack) -> "Memory":
        """Measure the running service."""
        status = Path(f"/proc/{stack.processes['app'].pid}/statm").read_text().split()
        with redis.Redis.from_url(stack.redis.url, decode_responses=True) as client:
            return cls(
                int(status[1]) * resource.getpagesize(), client.info("memory")["used_memory"]
            )


@dataclass(frozen=True)
class Service:
    """A running service with a fit, and a second fit that no worker takes."""

    stack: Stack
    fit: str
    waiting: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the service, run the clients and print the result. Returns the exit status."""
    parsed = _parse(arguments)
    with tempfile.TemporaryDirectory() as name, Stack(Path(name)) as stack:
        stack.start()
        with closing(PlainClient(stack.address)) as client:
            service = _prepare(stack, client, Path(name))
            tally, memory = asyncio.run(_load(service, parsed, client))
    print(f"requests {dict(tally.requests)}", file=sys.stderr)
    for what, reasons in (("errors", tally.errors), ("hung", tally.hung)):
        for reason, count in reasons.most_common():
            print(f"{what}: {reason}: {count}", file=sys.stderr)
    line = result(parsed.clients, parsed.waiters, tally, memory, is_soak=parsed.soak)
    print(json.dumps(line))
    return 0 if line["errors"] == line["hung"] == 0 else 1


def result(
    clients: int, waiters: int, tally: Tally, memory: Sequence[Memory], *, is_soak: bool
) -> dict[str, int | None]:
    """Return the last line. `memory` is that before, in the middle and after."""
    before, middle, after = memory
    line = {
        "clients": clients,
        "waiters": waiters,
        "errors": tally.errors.total(),
        "hung": tally.hung.total(),
        "poll_p50_ms": tally.poll_ms(50),
        "poll_p99_ms": tally.poll_ms(99),
        "rss_before": before.app,
        "rss_after": after.app,
    }
    if not is_soak:
        return line
    redis_bytes = {
        "redis_before": before.redis,
        "redis_middle": middle.redis,
        "redis_after": after.redis,
    }
    return line | {"rss_middle": middle.app} | redis_bytes


def _prepare(stack: Stack, client: PlainClient, folder: Path) -> Service:
    """Fit, then stop the worker of fits and request another one: it waits in the queue."""
    fit = quick_fit(client, folder / "labels")
    labelset = client.read(f"/v1/fits/{fit}")["labelset"]["id"]
    stack.kill("fit")
    waiting = client.start_fit(generator="portraits-64", labelset=labelset, options=QUICK_OPTIONS)
    return Service(stack, fit, waiting)


async def _load(
    service: Service, parsed: argparse.Namespace, client: PlainClient
) -> tuple[Tally, list[Memory]]:
    """Run all clients for the time, cancel the job of the waiters, and wait for the last answers."""
    tally, memory = Tally(), []
    connections = parsed.clients + parsed.waiters + 1
    async with new_http(service.stack.address, connections) as http:
        scene = Scene(http, tally, service.fit, service.waiting)
        batches = asyncio.create_task(make_batches(scene))
        while not scene.finished and not batches.done():
            await asyncio.sleep(0.1)
        memory.append(Memory.of(service.stack))
        visits = [asyncio.create_task(visit(scene, number)) for number in range(parsed.clients)]
        waits = [asyncio.create_task(wait_long(scene)) for _ in range(parsed.waiters)]
        for _ in range(2):
            await asyncio.sleep(parsed.minutes * 30)
            memory.append(Memory.of(service.stack))
        scene.stopping.set()
        await asyncio.to_thread(client.cancel, f"/v1/fits/{service.waiting}")
        if waits:
            _, unanswered = await asyncio.wait(waits, timeout=END_SECONDS)
            tally.hung.update({"unanswered waiter": len(unanswered)} if unanswered else {})
            for task in unanswered:
                task.cancel()
        await asyncio.gather(batches, *visits)
    return tally, memory


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--waiters", type=int, default=600)
    parser.add_argument("--minutes", type=float, help="default: 5, with --soak 30")
    parser.add_argument("--soak", action="store_true", help="report the growth of memory")
    parsed = parser.parse_args(arguments)
    parsed.minutes = parsed.minutes or (SOAK_MINUTES if parsed.soak else MINUTES)
    return parsed


if __name__ == "__main__":
    sys.exit(main())
