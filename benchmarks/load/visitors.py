"""The clients of a load run, hundreds in one asyncio loop: each polls, lists, downloads, waits or follows events."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2

from benchmarks.load.tally import ANSWER_SECONDS, Tally

SHORT_WAIT = 5
LONG_WAIT = 20
"""Seconds of `Prefer: wait`."""
PAUSE_SECONDS = (1.0, 3.0)
"""Between two requests of a client: our own client asks every two seconds."""
SMALL = 8
"""Pairs of a batch. The workers render a few at a time: the load is on the app."""
BATCH_PAUSE_SECONDS = 1.0


@dataclass
class Scene:
    """What the clients ask for: the newest batches, the newest one that has shards, and a job that never starts."""

    http: httpx2.AsyncClient
    tally: Tally
    fit: str
    waiting: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    newest: str = ""
    finished: str = ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Return a successful answer. Raises `HTTPError`."""
        return (await self.http.get(path, headers=headers)).raise_for_status()

    async def pause(self, seconds: float) -> None:
        """Wait, at most until the end of the run."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


async def make_batches(scene: Scene) -> None:
    """Request small batches, one after another, and wait for each."""
    seed = 0
    while not scene.stopping.is_set():
        seed += 1
        with scene.tally.request("create"):
            body = {"fit": scene.fit, "n": SMALL, "seed": seed}
            answer = (await scene.http.post("/v1/batches", json=body)).raise_for_status()
            scene.newest = answer.json()["id"]
        with scene.tally.request("wait"):
            answer = await scene.get(f"/v1/batches/{scene.newest}", Prefer=f"wait={LONG_WAIT}")
            if answer.json()["status"] == "succeeded":
                scene.finished = scene.newest
        await scene.pause(BATCH_PAUSE_SECONDS)


async def poll(scene: Scene) -> None:
    """Ask for the state of a job."""
    with scene.tally.request("poll"):
        await scene.get(f"/v1/batches/{scene.newest}")


async def list_jobs(scene: Scene) -> None:
    """Ask for a page of a list."""
    noun = random.choice(("batches", "fits", "generators", "labelsets"))  # noqa: S311
    with scene.tally.request("list"):
        await scene.get(f"/v1/{noun}?limit=20")


async def download(scene: Scene) -> None:
    """Download a shard by its link."""
    with scene.tally.request("download"):
        listed = (await scene.get(f"/v1/batches/{scene.finished}/shards")).json()
        await scene.get(listed["items"][0]["url"])


async def wait(scene: Scene) -> None:
    """Wait for the end of a batch."""
    with scene.tally.request("wait"):
        await scene.get(f"/v1/batches/{scene.newest}", Prefer=f"wait={SHORT_WAIT}")


async def follow(scene: Scene) -> None:
    """Read the live events of a batch to their end."""
    path = f"/v1/batches/{scene.newest}/events/live"
    with scene.tally.request("events"):
        async with scene.http.stream("GET", path) as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_lines():
                pass


Visit = Callable[[Scene], Awaitable[None]]

VISITS: tuple[tuple[Visit, int], ...] = (
    (poll, 40),
    (list_jobs, 15),
    (download, 15),
    (wait, 15),
    (follow, 15),
)
"""What a client does, and how many of 100 clients do it."""


async def visit(scene: Scene, number: int) -> None:
    """Repeat one kind of request, with pauses, until the run stops."""
    place = number * 37 % 100  # 37: neighbours do different things
    chosen: Visit = poll
    for one, share in VISITS:
        if place < share:
            chosen = one
            break
        place -= share
    await scene.pause(random.uniform(0, PAUSE_SECONDS[1]))  # noqa: S311 - they do not all start at once
    while not scene.stopping.is_set():
        await chosen(scene)
        await scene.pause(random.uniform(*PAUSE_SECONDS))  # noqa: S311


async def wait_long(scene: Scene) -> None:
    """Wait for a job that has not started, again and again, until it has ended."""
    status = ""
    while status != "cancelled":
        status = "unknown"
        with scene.tally.request("long wait"):
            answer = await scene.get(f"/v1/fits/{scene.waiting}", Prefer=f"wait={LONG_WAIT}")
            status = answer.json()["status"]
        if status == "unknown":
            if scene.stopping.is_set():
                return
            await asyncio.sleep(1)


def new_http(address: str, connections: int) -> httpx2.AsyncClient:
    """Return a client with a connection for each task."""
    limits = httpx2.Limits(max_connections=connections, keepalive_expiry=30)
    return httpx2.AsyncClient(
        base_url=address, timeout=ANSWER_SECONDS, limits=limits, trust_env=False
    )
