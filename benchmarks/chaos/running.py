"""One run of chaos on one store: calm preparation, customers under faults, the end of all faults, the audit."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.chaos.auditor import Evidence, Report, audit
from benchmarks.chaos.calls import ANSWER_SECONDS, watched_client
from benchmarks.chaos.customers import Market, customers
from benchmarks.chaos.faults import Fault, missing_kinds, schedule
from benchmarks.chaos.injecting import Injected, inject
from benchmarks.chaos.inputs import FIT_OPTIONS, Inputs, write_inputs
from benchmarks.chaos.named_objects import left_over
from benchmarks.chaos.promises import JOBS, Diary, Recipe
from benchmarks.chaos.world import ALL_QUEUES, World, open_world
from contracts.base import now
from examples.demo.stack import Stack, readiness
from handsoff_client.client import HandsOff
from handsoff_client.errors import JobEnded, WaitTimeout
from handsoff_client.http.service_errors import Gone, NotFound
from state import redis_keys
from state.store import Store
from workers.families.table import FAMILIES
from workers.runtime.machine import Machine
from workers.upkeep import leftovers

LISTED = ("generators", "labelsets", "fits", "batches", "labelings", "streams")
START_SECONDS = 120.0
DRAIN_SECONDS = 300.0
"""How long all jobs may take to end after the last fault: a failed piece of work is repeated after 60 s."""
SWEEP_SECONDS = 60.0
"""How long the reconcilers may take: four times the age at which leftovers are deleted."""
LATER = timedelta(days=2)
"""When an unfinished upload is swept: its Idempotency-Key has expired by then."""


@dataclass(frozen=True)
class Plan:
    """A run: its store (`file` or `s3`), number of faults, least number of pairs, seed and the time for the faults.

    `customers` is the number for each tenant. `fixed` replaces the schedule of the seed.
    """

    store: str
    faults: int
    pairs: int
    seed: int
    seconds: float
    queues: Sequence[str] = ALL_QUEUES
    module: str = "workers"
    customers: int = 2
    fixed: tuple[Fault, ...] = ()

    def schedule(self, world: World) -> tuple[Fault, ...]:
        """Return the faults of the seed for a service, or the fixed ones."""
        return self.fixed or schedule(
            self.seed, self.faults, self.seconds, world.processes, world.other_targets
        )


@dataclass
class Outcome:
    """The result of a run."""

    plan: Plan
    injected: Injected
    report: Report
    left_out: list[str]
    restarts: int
    seconds: float
    diaries: tuple[Diary, ...] = field(repr=False)

    @property
    def has_kept_all(self) -> bool:
        """Whether the audit found nothing, and the planned number of pairs was checked."""
        return not any(self.report.findings.values()) and self.report.pairs >= self.plan.pairs


def run(plan: Plan, folder: Path, new_stack: Callable[..., Stack] = Stack) -> Outcome:
    """Run a plan in a new folder, which keeps the logs. `new_stack` is called as `Stack`."""
    began = time.monotonic()
    service = folder / "service"
    with open_world(
        service, plan.store, plan.queues, plan.module, plan.seconds, new_stack=new_stack
    ) as world:
        inputs = write_inputs(folder / "inputs")
        diaries = tuple(Diary(tenant.name) for tenant in world.tenants)
        markets = [_prepare(world, inputs, folder, diary, diaries) for diary in diaries]
        with customers(markets, plan.customers, plan.seed):
            injected = inject(world, plan.schedule(world), threading.Event())
            world.calm()
            _wait_for_pairs(diaries, plan)
        report = _examine(world, markets)
        left_out = missing_kinds(world.other_targets)
        restarts = world.restarts
    return Outcome(plan, injected, report, left_out, restarts, time.monotonic() - began, diaries)


def _prepare(
    world: World, inputs: Inputs, folder: Path, diary: Diary, diaries: Sequence[Diary]
) -> Market:
    """Make a generator and a fit of a tenant, before the first fault."""
    downloads = folder / "downloads" / diary.tenant
    downloads.mkdir(parents=True)
    [key] = [tenant.key for tenant in world.tenants if tenant.name == diary.tenant]
    with watched_client(world.stack.address, key, diary) as client:
        generator = client.generators.upload(inputs.checkpoint, name="tiny")
        diary.accept("generators", generator.id)
        client.generators.wait(generator.id, timeout=timedelta(seconds=START_SECONDS))
        labelset = client.labelsets.upload(inputs.labelled)
        diary.accept("labelsets", labelset.id)
        fit = client.fits.create(generator=generator.id, labelset=labelset.id, options=FIT_OPTIONS)
        diary.accept("fits", fit.id)
        client.fits.wait(fit.id, timeout=timedelta(seconds=START_SECONDS))
    strangers = tuple(other for other in diaries if other is not diary)
    address = world.stack.address
    return Market(address, key, inputs, generator.id, fit.id, diary, downloads, strangers)


def _wait_for_pairs(diaries: Sequence[Diary], plan: Plan) -> None:
    """Let the customers go on until they have requested enough pairs."""
    deadline = time.monotonic() + plan.seconds
    while sum(map(_requested_pairs, diaries)) < plan.pairs and time.monotonic() < deadline:
        time.sleep(0.5)


def _requested_pairs(diary: Diary) -> int:
    batches = [promise for promise in diary.of("batches") if not promise.may_be_cancelled]
    return diary.stream_samples + sum(batch.recipe.n for batch in batches if batch.recipe)


def _examine(world: World, markets: Sequence[Market]) -> Report:
    """Wait until all jobs have ended, read everything again without faults, and audit."""
    _wait_until_up(world)
    evidence = [_evidence(market) for market in markets]
    _sweep(world)
    store = Store.from_settings(world.settings)
    return audit(store, evidence, _swept_objects(store, world))


def _evidence(market: Market) -> Evidence:
    """Wait until all jobs of a tenant have ended, and read everything again without faults."""
    diary = market.diary
    with watched_client(market.address, market.key, diary) as client:
        unanswered = [*diary.open_calls(ANSWER_SECONDS), *_drain(client, diary)]
        calm = dict(_calm_batches(client, diary))
        calm_streams = dict(_calm_shards(client, diary))
        listed = {noun: {one.id for one in getattr(client, noun).list()} for noun in LISTED}
    return Evidence(diary, listed, calm, calm_streams, tuple(unanswered))


def _wait_until_up(world: World) -> None:
    """Wait until the app answers. Workers of queues that jobs wait for start in the meantime."""
    deadline = time.monotonic() + START_SECONDS
    while readiness(world.stack.address) not in {"ready", "degraded"}:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"expected the app to be ready within {START_SECONDS:.0f} s after the last fault; the disk has"
                f" {world.disk.free_bytes():,} bytes free"
            )
        time.sleep(0.2)


def _drain(client: HandsOff, diary: Diary) -> Iterator[str]:
    """Wait for the end of every accepted job. Yields those that do not end in time."""
    deadline = time.monotonic() + DRAIN_SECONDS
    for promise in list(diary.promises):
        if promise.noun not in JOBS:
            continue
        left = timedelta(seconds=max(1.0, deadline - time.monotonic()))
        try:
            getattr(client, promise.noun).wait(promise.id, timeout=left)
        except (JobEnded, Gone, NotFound):
            continue  # the audit decides
        except WaitTimeout as error:
            yield str(error)


def _calm_batches(client: HandsOff, diary: Diary) -> Iterator[tuple[Recipe, tuple[str, ...]]]:
    """Make each recipe once more, without faults. Yields the digests of its shards."""
    recipes = {promise.recipe for promise in diary.of("batches") if promise.recipe}
    fits = {promise.id for promise in diary.of("fits")}
    for recipe in sorted(recipes, key=str):
        if recipe.fit not in fits or client.fits.get(recipe.fit).status != "succeeded":
            continue
        batch = client.batches.create(**recipe.arguments)
        diary.accept("batches", batch.id, recipe)
        try:
            client.batches.wait(batch.id, timeout=timedelta(seconds=DRAIN_SECONDS))
        except (JobEnded, WaitTimeout):
            continue  # the audit counts it
        yield recipe, tuple(shard.sha256 for shard in client.batches.shards(batch.id))


def _calm_shards(client: HandsOff, diary: Diary) -> Iterator[tuple[tuple[str, int], str]]:
    """Read each shard of a stream once more, without faults. Yields its digest."""
    streams = {promise.id for promise in diary.of("streams")}
    for stream, index in list(diary.stream_shards):
        if stream in streams:
            shard = client.streams.shard(stream, index, timeout=timedelta(seconds=ANSWER_SECONDS))
            yield (stream, index), shard.sha256


def _sweep(world: World) -> None:
    """Do what the reconciler will have done in two days: delete unfinished uploads, whose keys have expired by then."""
    machine = Machine.from_settings(world.settings, FAMILIES)
    for tenant in world.tenants:
        machine.ledger.redis.delete(redis_keys.lock(f"leftovers:{tenant.name}"))
        leftovers.sweep(machine, tenant.name, "audit", now() + LATER)


def _swept_objects(store: Store, world: World) -> list[str]:
    """Return the files of the store, once the reconcilers have deleted what killed workers left, or should have.

    The files of a shard that a worker is sending, ahead of the readers of a stream, are no leftovers either.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    while left_over(store, objects := _objects(world)) and time.monotonic() < deadline:
        time.sleep(1)
    return objects


def _objects(world: World) -> list[str]:
    """Return the keys of all files of the store, also of parts of objects that the store does not list."""
    root = world.store_folder
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
