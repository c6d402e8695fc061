"""Worker processes that are killed, drained, cancelled or lose their Redis: each job still ends correctly.

Real processes with a folder as their store; the tests do the app's part (write the request, queue it).
"""

import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rq.registry import StartedJobRegistry

from contracts.batches import BatchRequest
from contracts.fits.fit import FitRequest
from contracts.fits.options import InversionOptions, ResolvedFitOptions
from contracts.generators.inverters import InverterOptions
from contracts.jobs import JobRef, JobStatus, Live, Request, ShardRef
from examples.demo.stack import Stack
from models.serialization import unpack
from state import keys, records
from state.queues import job_call, open_queue, put
from state.settings import Settings
from tests.forked import ForkedStack
from tests.workers.labeling.labeling_scene import pictures, request_labeling
from tests.workers.scene import QUICK, Scene
from tests.workers.shard_files import candidates, equal_pixels
from tests.workers.training.trained import request_inverter
from workers.families.table import FAMILIES
from workers.rendering import batches
from workers.runtime.machine import Machine
from workers.training import inverters
from workers.upkeep.reconcile import Reconciler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WAIT_SECONDS = 120
IMPATIENT = {
    "HANDSOFF_HEARTBEAT_INTERVAL": "PT0.5S",
    "HANDSOFF_HEARTBEAT_FRESH": "PT3S",
    "HANDSOFF_RECONCILE_INTERVAL": "PT0.5S",
    "HANDSOFF_KEEP_INTERVAL": "PT0.1S",
    "HANDSOFF_CPU_THREADS": "1",
    "HANDSOFF_MICRO_BATCH": "4",
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Return a Redis and a folder without workers. All processes are stopped after the test."""
    with ForkedStack(tmp_path, settings=IMPATIENT) as stack:
        stack.start_redis()
        yield stack


@pytest.fixture
def scene(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a scene in the stack's store and Redis."""
    for name, value in stack.environment.items():
        if name.startswith("HANDSOFF_"):
            monkeypatch.setenv(name, value)
    scene = Scene(Machine.from_settings(Settings(), FAMILIES))
    scene.publish_generator(tmp_path)
    return scene


def queue_impatiently(scene: Scene, request: Request) -> None:
    """Queue a job that is retried after a second, not after ten."""
    call = job_call(scene.machine.kinds, request, 1)
    soon = (timedelta(seconds=1),) * len(call.task.retry_after)
    put(scene.machine.redis, replace(call, task=replace(call.task, retry_after=soon)))


def long_fit(scene: Scene, steps: int = 400) -> FitRequest:
    """Queue a fit of some seconds."""
    numbers = QUICK.inversion.model_dump() | {"steps": steps}
    options = ResolvedFitOptions(inversion=InversionOptions(**numbers), ensemble=QUICK.ensemble)
    fit = scene.request_fit(options)
    queue_impatiently(scene, fit)
    return fit


def long_batch(scene: Scene) -> BatchRequest:
    """Queue the first shards of a batch of some seconds."""
    batch = scene.request_batch(scene.fit(), n=480, shard_size=40)
    batches.queue(scene.machine, batch)
    return batch


def until(condition: Callable[[], bool], event: str) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS} s for {event}"
        time.sleep(0.05)


def is_running(scene: Scene, ref: JobRef) -> bool:
    """Return whether a worker has published a step."""
    return scene.machine.ledger.live(ref).progress is not None


def end_of(scene: Scene, ref: JobRef) -> JobStatus:
    """Wait for the end of a job; return its status."""
    machine = scene.machine
    until(lambda: records.has_ended(machine.store, ref), f"the end of {ref}")
    record = records.read_job(machine.store, machine.kinds, ref)
    assert record is not None
    return record.status(Live())


def reconcile_until(scene: Scene, condition: Callable[[], bool], event: str) -> None:
    """Do the reconciler's rounds in this process until a condition is true."""
    reconciler, due = Reconciler(scene.machine), 0.0

    def holds() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            reconciler.reconcile()
            due = time.monotonic() + scene.machine.settings.reconcile_interval.total_seconds()
        return condition()

    until(holds, event)


def reconciled_end_of(scene: Scene, ref: JobRef) -> JobStatus:
    """Do the reconciler's rounds in this process until a job has ended; return its status."""
    ended = functools.partial(records.has_ended, scene.machine.store, ref)
    reconcile_until(scene, ended, f"the end of {ref}")
    return end_of(scene, ref)


def test_a_fit_survives_the_death_of_its_worker(stack: Stack, scene: Scene) -> None:
    """SIGKILL during a fit: the reconciler gives the job to another worker."""
    fit = long_fit(scene)
    stack.start_worker("fit", "first")
    until(lambda: is_running(scene, fit.ref), "the fit to run")
    stack.kill("first")
    assert not records.has_ended(scene.machine.store, fit.ref)
    stack.start_worker("fit", "second")
    assert reconciled_end_of(scene, fit.ref) is JobStatus.SUCCEEDED


def test_a_labeling_continues_after_the_death_of_its_worker(stack: Stack, scene: Scene) -> None:
    """SIGKILL between shards: another worker labels only the images of the others."""
    labeling = request_labeling(scene, scene.fit(), pictures(10), shard_size=1)
    queue_impatiently(scene, labeling)
    store, ref = scene.machine.store, labeling.ref
    stack.start_worker("fit", "first")
    until(lambda: len(records.finished_shards(store, ref)) >= 2, "two labelled shards")
    stack.kill("first")
    kept = records.finished_shards(store, ref)
    assert 2 <= len(kept) < 10
    before = {index: store.get(keys.shard_record(ref, index)) for index in kept}
    stack.start_worker("fit", "second")
    assert reconciled_end_of(scene, ref) is JobStatus.SUCCEEDED
    assert before == {index: store.get(keys.shard_record(ref, index)) for index in kept}
    tars = [one.key for one in store.list(keys.shards_prefix(ref)) if one.key.endswith(".tar")]
    labelled = [int(key.split("/")[-2]) for key in tars]
    assert all(labelled.count(index) == 1 for index in kept)
    assert set(labelled) == set(range(10))


def test_a_training_resumes_after_the_death_of_its_worker(stack: Stack, scene: Scene) -> None:
    """SIGKILL during training: another worker continues from the saved state, not from the start."""
    training = request_inverter(scene, InverterOptions(num_images=160, batch=4))
    queue_impatiently(scene, training)
    store, key = scene.machine.store, inverters.state_key(training.ref)
    stack.start_worker("train", "first")
    until(lambda: store.head(key) is not None, "a saved state")
    stack.kill("first")
    kept = int(unpack(store.get(key))["images_seen"])
    before = scene.machine.ledger.events(training.ref, limit=1_000)[-1].id
    stack.start_worker("train", "second")
    assert reconciled_end_of(scene, training.ref) is JobStatus.SUCCEEDED
    later = scene.machine.ledger.events(training.ref, before, limit=1_000)
    assert min(event.data["done"] for event in later if event.type == "progress") > kept > 0


def test_a_batch_survives_the_death_of_its_worker(stack: Stack, scene: Scene) -> None:
    """SIGKILL in mid-batch: every sample is there once, from any worker."""
    batch = long_batch(scene)
    stack.start_worker("generate", "first")
    until(lambda: len(records.finished_shards(scene.machine.store, batch.ref)) >= 2, "two shards")
    stack.kill("first")
    assert len(records.finished_shards(scene.machine.store, batch.ref)) < batch.num_shards
    stack.start_worker("generate", "second")
    assert reconciled_end_of(scene, batch.ref) is JobStatus.SUCCEEDED
    assert len(scene.shard_files(batch)) == 4 * batch.n


def test_a_batch_survives_the_loss_of_redis(stack: Stack, scene: Scene) -> None:
    """FLUSHALL during a batch: queues, claims and progress are lost, but no sample."""
    batch = long_batch(scene)
    stack.start_worker("generate")
    until(lambda: len(records.finished_shards(scene.machine.store, batch.ref)) >= 2, "two shards")
    scene.machine.redis.flushall()
    assert len(records.finished_shards(scene.machine.store, batch.ref)) < batch.num_shards
    assert reconciled_end_of(scene, batch.ref) is JobStatus.SUCCEEDED
    assert len(scene.shard_files(batch)) == 4 * batch.n


def test_two_workers_share_a_batch_and_agree(stack: Stack, scene: Scene) -> None:
    """With other micro-batches and shards, they accept the same candidates as one worker alone, with equal labels."""
    fit = scene.fit()
    alone = scene.request_batch(fit, n=48, shard_size=48, drop_share=0.5)
    batches.run_pilot(scene.machine, str(alone.ref), 1)
    batches.run_shard(scene.machine, str(ShardRef(batch=alone.ref, index=0)), 1)
    names = ["first", "second"]
    for name, micro_batch in zip(names, (3, 8), strict=True):
        stack.environment["HANDSOFF_MICRO_BATCH"] = str(micro_batch)
        stack.start_worker("generate", name)
    until(lambda: len(scene.machine.ledger.workers()) == len(names), "both workers")
    shared = scene.request_batch(fit, n=48, shard_size=6, drop_share=0.5)
    batches.queue(scene.machine, shared)
    assert end_of(scene, shared.ref) is JobStatus.SUCCEEDED
    assert all(shared.id in stack.log_of(name) for name in names)
    one, two = scene.shard_files(alone), scene.shard_files(shared)
    assert candidates(one) == candidates(two)
    assert max(attempt for _, _, attempt in candidates(one).values()) > 0
    assert equal_pixels(one, two) >= 0.999


def test_a_queued_job_is_cancelled_without_being_run(stack: Stack, scene: Scene) -> None:
    """The worker that picks it up ends it at once."""
    fit = long_fit(scene, steps=5_000)
    scene.cancel(fit.ref)
    stack.start_worker("fit")
    assert end_of(scene, fit.ref) is JobStatus.CANCELLED


def test_a_running_job_is_cancelled_between_two_steps(stack: Stack, scene: Scene) -> None:
    """A job of minutes ends within seconds, and the worker takes the next job."""
    fit = long_fit(scene, steps=5_000)
    stack.start_worker("fit")
    until(lambda: is_running(scene, fit.ref), "the fit to run")
    scene.cancel(fit.ref)
    assert end_of(scene, fit.ref) is JobStatus.CANCELLED
    assert end_of(scene, long_fit(scene, steps=1).ref) is JobStatus.SUCCEEDED


def test_a_running_batch_is_cancelled(stack: Stack, scene: Scene) -> None:
    """It ends between two micro-batches of a shard. The rest is not rendered, and no call stays queued."""
    batch = scene.request_batch(scene.fit(), n=50_000, shard_size=25_000)
    batches.queue(scene.machine, batch)
    stack.start_worker("generate")
    until(lambda: is_running(scene, batch.ref), "the batch to run")
    scene.cancel(batch.ref)
    assert end_of(scene, batch.ref) is JobStatus.CANCELLED
    assert records.finished_shards(scene.machine.store, batch.ref) == set()
    waiting = open_queue(scene.machine.redis, "generate")
    until(lambda: not waiting.get_job_ids(), "the other shard to be dropped")


def test_sigterm_gives_the_job_back(stack: Stack, scene: Scene) -> None:
    """The worker ends cleanly, even after two signals; the job waits at the front for another worker."""
    fit = long_fit(scene)
    stack.start_worker("fit", "first")
    until(lambda: is_running(scene, fit.ref), "the fit to run")
    first = stack.processes.pop("first")
    first.send_signal(signal.SIGTERM)
    first.send_signal(signal.SIGTERM)
    assert first.wait(WAIT_SECONDS) == os.EX_OK
    assert open_queue(scene.machine.redis, "fit").get_job_ids() == [f"{fit.id}-1"]
    stack.start_worker("fit", "second")
    assert end_of(scene, fit.ref) is JobStatus.SUCCEEDED


def test_a_long_job_keeps_its_worker(stack: Stack, scene: Scene) -> None:
    """It runs twice as long as a heartbeat counts, and is started once: heartbeats keep it alive."""
    fit = long_fit(scene, steps=5_000)
    stack.start_worker("fit")
    until(lambda: is_running(scene, fit.ref), "the fit to run")
    started = scene.machine.ledger.live(fit.ref).started_at
    assert started is not None
    running = StartedJobRegistry(queue=open_queue(scene.machine.redis, "fit"))
    seconds = 2 * Settings().heartbeat_fresh.total_seconds()
    ends_at = started.timestamp() + seconds
    reconcile_until(scene, lambda: time.time() > ends_at, "twice `heartbeat_fresh`")
    assert running.get_job_ids(cleanup=False) == [f"{fit.id}-1"]
    assert scene.machine.ledger.live(fit.ref).attempt == 1
    scene.cancel(fit.ref)
    assert end_of(scene, fit.ref) is JobStatus.CANCELLED


def test_a_batch_with_a_filter_starts_with_its_pilot(stack: Stack, scene: Scene) -> None:
    """The first call measures the threshold; shards are queued after it."""
    batch = scene.request_batch(scene.fit(), n=8, shard_size=4, drop_share=0.1)
    batches.queue(scene.machine, batch)
    waiting = open_queue(scene.machine.redis, "generate").get_job_ids()
    assert waiting == [f"{batch.id}-pilot-1"]
    stack.start_worker("generate")
    assert end_of(scene, batch.ref) is JobStatus.SUCCEEDED
    assert scene.batch_manifest(batch.ref).threshold is not None
