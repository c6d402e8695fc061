"""Customers of a tenant under chaos: they upload, fit, make batches, read streams, export, cancel and delete.

Each follows its own seed. A call may fail during a fault, but its answer must come. Accepted resources are noted. Now
and then a customer asks for a resource of another tenant, which must not exist for it.
"""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.chaos.calls import watched_client
from benchmarks.chaos.inputs import FIT_OPTIONS, Inputs
from benchmarks.chaos.promises import JOBS, Diary, Promise, Recipe
from handsoff_client.client import HandsOff
from handsoff_client.errors import ChecksumMismatch
from handsoff_client.http.service_errors import NotFound
from handsoff_shards.errors import HandsOffError

PATIENCE = timedelta(seconds=30)
RECIPES = ((60, 16, None), (120, 50, None), (200, 64, 0.2), (30, 30, None), (250, 25, None))
"""Samples, samples per shard, and the share that a filter drops. Few, so that many batches can be compared."""
SMALL = (24, 8, None)
"""The recipe for the fits that customers make, which are many."""
FOREIGN = (*JOBS, "labelsets", "streams")
STREAM_SHARD = 16
STREAM_SHARDS = 40


@dataclass(frozen=True)
class Market:
    """What the customers of a tenant share: the inputs, a generator and a fit from calm times, and the diary.

    `strangers` are the diaries of the other tenants.
    """

    address: str
    key: str
    inputs: Inputs
    generator: str
    fit: str
    diary: Diary
    folder: Path
    strangers: tuple[Diary, ...] = ()


@dataclass
class Customer:
    """One customer with its own client."""

    client: HandsOff
    market: Market
    rng: random.Random

    def act(self) -> None:
        """Do one thing. An error of the service is noted; the customer goes on with something else."""
        actions, weights = zip(*ACTIONS, strict=True)
        [action] = self.rng.choices(actions, weights)
        with _noted(self.market.diary, action.__name__):
            action(self)

    def batch(self) -> None:
        """Request a batch, and mostly wait for it and download a shard."""
        promise = self._request_batch()
        if self.rng.random() < 0.6:
            self.client.batches.wait(promise.id, timeout=PATIENCE)
            shards = self.client.batches.shards(promise.id)
            shard = self.rng.choice(shards)
            target = self.market.folder / f"{promise.id}-{shard.index}.tar"
            self.client.batches.fetch(promise.id, shard, target)
            target.unlink()

    def fit_labels(self) -> None:
        """Upload a labelset, fit, and make a small batch of the fit."""
        labelset = self.client.labelsets.upload(self.market.inputs.labelled)
        self.market.diary.accept("labelsets", labelset.id)
        fit = self.client.fits.create(
            generator=self.market.generator,
            labelset=labelset.id,
            seed=self.rng.randrange(1_000),
            options=FIT_OPTIONS,
        )
        self.market.diary.accept("fits", fit.id)
        self.client.fits.wait(fit.id, timeout=PATIENCE)
        self._request_batch(Recipe(fit.id, SMALL[0], 0, *SMALL[1:]))

    def import_generator(self) -> None:
        """Upload a checkpoint."""
        generator = self.client.generators.upload(self.market.inputs.checkpoint, name="tiny")
        self.market.diary.accept("generators", generator.id)

    def label_images(self) -> None:
        """Have a few images labelled."""
        labeling = self.client.labelings.create(self.market.inputs.images, fit=self.market.fit)
        self.market.diary.accept("labelings", labeling.id)

    def stream(self) -> None:
        """Read some shards of a new stream, or of an existing one."""
        streams = self.market.diary.of("streams")
        if streams and self.rng.random() < 0.7:
            stream_id = self.rng.choice(streams).id
        else:
            stream = self.client.streams.create(fit=self.market.fit, shard_size=STREAM_SHARD)
            self.market.diary.accept("streams", stream.id)
            stream_id = stream.id
        first = self.rng.randrange(STREAM_SHARDS)
        for index in range(first, first + 4):
            shard = self.client.streams.shard(stream_id, index, timeout=PATIENCE)
            target = self.market.folder / f"{stream_id}-{index}-{self.rng.random()}.tar"
            self.client.streams.fetch(stream_id, shard, target)
            target.unlink()
            self.market.diary.read_shard(stream_id, index, shard.sha256, shard.num_samples)

    def export(self) -> None:
        """Download a batch as COCO."""
        batch = self._chosen("batches")
        if batch is not None:
            target = self.market.folder / f"{batch.id}-{self.rng.random()}.zip"
            self.client.batches.wait(batch.id, timeout=PATIENCE)
            self.client.batches.export(batch.id, "coco", target)
            target.unlink()

    def cancel(self) -> None:
        """Cancel a job that may be running."""
        noun = self.rng.choice(("batches", "batches", "fits"))
        promise = self._request_batch() if noun == "batches" else self._chosen(noun)
        if promise is not None:
            promise.may_be_cancelled = True
            getattr(self.client, noun).cancel(promise.id)

    def delete(self) -> None:
        """Delete a job that has ended, or a stream."""
        noun = self.rng.choice(("batches", "batches", "labelings", "streams"))
        promise = self._chosen(noun)
        if promise is None:
            return
        promise.may_be_deleted = True
        if noun in JOBS:
            self._end(noun, promise)
        getattr(self.client, noun).delete(promise.id)
        promise.is_deleted = True

    def browse(self) -> None:
        """Read lists, a job and its events."""
        for noun in ("generators", "labelsets", "fits", "batches", "streams"):
            list(getattr(self.client, noun).list(limit=20))
        batch = self._chosen("batches")
        if batch is not None:
            self.client.batches.get(batch.id)
            list(self.client.batches.events(batch.id))

    def trespass(self) -> None:
        """Ask for a resource of another tenant: the answer must be that of an id that never existed."""
        noun = self.rng.choice(FOREIGN)
        promises = [promise for diary in self.market.strangers for promise in diary.of(noun)]
        if not promises:
            return
        resource_id = self.rng.choice(promises).id
        actions = ("get", "delete", "cancel", "events") if noun in JOBS else ("get", "delete")
        action = self.rng.choice(actions)
        with suppress(NotFound):
            answer = getattr(getattr(self.client, noun), action)(resource_id)
            if action == "events":
                list(answer)
            self.market.diary.trespasses.append(f"{action} of {resource_id} was answered")

    def _request_batch(self, recipe: Recipe | None = None) -> Promise:
        if recipe is None:
            n, shard_size, drop_share = self.rng.choice(RECIPES)
            recipe = Recipe(self.market.fit, n, self.rng.randrange(2), shard_size, drop_share)
        batch = self.client.batches.create(**recipe.arguments)
        return self.market.diary.accept("batches", batch.id, recipe)

    def _end(self, noun: str, promise: Promise) -> None:
        """Wait for the end of a job, whatever it is."""
        jobs = getattr(self.client, noun)
        with _noted(self.market.diary, "wait"):
            jobs.wait(promise.id, timeout=PATIENCE)

    def _chosen(self, noun: str) -> Promise | None:
        """Return one of the accepted resources, or None if there is none."""
        promises = self.market.diary.of(noun)
        return self.rng.choice(promises) if promises else None


ACTIONS: tuple[tuple[Callable[[Customer], None], int], ...] = (
    (Customer.batch, 40),
    (Customer.fit_labels, 6),
    (Customer.import_generator, 1),
    (Customer.label_images, 4),
    (Customer.stream, 12),
    (Customer.export, 6),
    (Customer.cancel, 8),
    (Customer.delete, 8),
    (Customer.browse, 10),
    (Customer.trespass, 5),
)
"""What customers do, and how often."""


@contextmanager
def customers(markets: Sequence[Market], count: int, seed: int) -> Iterator[None]:
    """Let `count` customers of each tenant act in threads until the end of the block. Then each finishes its action."""
    stopping = threading.Event()

    def work(market: Market, number: int) -> None:
        with watched_client(market.address, market.key, market.diary, stopping) as client:
            rng = random.Random(f"{seed}-{market.diary.tenant}-{number}")  # noqa: S311
            customer = Customer(client, market, rng)
            while not stopping.is_set():
                customer.act()

    with ThreadPoolExecutor(count * len(markets)) as pool:
        working = [
            pool.submit(work, market, number) for market in markets for number in range(count)
        ]
        try:
            yield
        finally:
            stopping.set()
    for one in working:
        one.result()  # raises an error that is no `HandsOffError`


@contextmanager
def _noted(diary: Diary, action: str) -> Iterator[None]:
    """Note an error of the service. A download with a wrong digest is damage, all others are refusals."""
    try:
        yield
    except ChecksumMismatch as error:
        diary.damaged.append(f"{action}: {error}")
    except HandsOffError as error:
        diary.refused.append(f"{action}: {type(error).__name__}: {error}")
