"""A full store costs no attempt: the call waits in its queue and goes on when there is space."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from rq.job import Job, JobStatus
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer

from contracts.errors.tree import StoreUnavailable
from contracts.fits.fit import FitRequest
from contracts.jobs import JobStatus as Status
from contracts.jobs import ShardRef
from contracts.kinds import FIT
from state import records
from state.queues import Call, job_call, open_queue, put, shard_call
from state.settings import Settings
from state.store import Store
from tests.state.test_full_disk import FullStore, fill, mounted
from tests.workers.scene import Scene
from workers.runtime.machine import Machine
from workers.runtime.worker import Worker

pytestmark = pytest.mark.usefixtures("signals")


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Return a machine whose store may become full."""
    return dataclasses.replace(machine, store=FullStore(machine.store.objects))


@contextmanager
def full() -> Iterator[None]:
    """Refuse every write inside the block."""
    FullStore.is_full = True
    try:
        yield
    finally:
        FullStore.is_full = False


def queued_fit(scene: Scene) -> tuple[FitRequest, Call]:
    """Queue a fit; return its request and its call."""
    fit = scene.request_fit()
    call = job_call(scene.machine.kinds, fit, 1)
    put(scene.machine.redis, call)
    return fit, call


def fetch(machine: Machine, call: Call) -> Job:
    """Return a job as RQ reads it."""
    return Job.fetch(call.rq_id, connection=machine.redis, serializer=JSONSerializer)


def end_wait(machine: Machine, call: Call) -> None:
    """Put a waiting call back into its queue, as the reconciler does after the wait."""
    queue = open_queue(machine.redis, call.queue)
    registry = ScheduledJobRegistry(queue=queue)
    assert call.rq_id in registry.get_job_ids(cleanup=False)
    registry.remove(call.rq_id)
    queue._enqueue_job(fetch(machine, call))


def test_a_full_store_is_no_failed_attempt(scene: Scene) -> None:
    """However often the call meets it: all retries are left, and nothing says that the job failed."""
    fit, call = queued_fit(scene)
    worker = Worker("fit", scene.machine)
    with full():
        worker.work(burst=True)
        for _ in range(4):
            end_wait(scene.machine, call)
            worker.work(burst=True)
    job = fetch(scene.machine, call)
    assert job.get_status() is JobStatus.SCHEDULED
    assert job.retries_left == len(FIT.tasks[0].retry_after)
    assert not records.has_ended(scene.machine.store, fit.ref)


def test_the_job_goes_on_when_there_is_space(scene: Scene) -> None:
    """It ends as if nothing had happened."""
    fit, call = queued_fit(scene)
    worker = Worker("fit", scene.machine)
    with full():
        worker.work(burst=True)
    end_wait(scene.machine, call)
    worker.work(burst=True)
    assert scene.fit_manifest(fit.ref).status is Status.SUCCEEDED


def test_work_starts_only_when_the_store_takes_objects(scene: Scene) -> None:
    """A call that has waited tries one small object first, so that a full store does not cost hours of rendering."""
    fit, call = queued_fit(scene)
    worker = Worker("fit", scene.machine)
    with full():
        worker.work(burst=True)
        scene.machine.ledger.forget(fit.ref)
        end_wait(scene.machine, call)
        worker.work(burst=True)
    assert scene.machine.ledger.live(fit.ref).started_at is None


def test_the_patience_ends(scene: Scene) -> None:
    """Then the call fails like any other: RQ's retries, and a reason that says what to do."""
    settings = scene.machine.settings.model_copy(update={"store_patience": timedelta(seconds=1)})
    scene = Scene(dataclasses.replace(scene.machine, settings=settings))
    fit, call = queued_fit(scene)
    with full():
        Worker("fit", scene.machine).work(burst=True)
    assert fetch(scene.machine, call).retries_left == len(FIT.tasks[0].retry_after) - 1
    with pytest.raises(StoreUnavailable), full():
        scene.machine.store.put("any", b"")
    assert not records.has_ended(scene.machine.store, fit.ref)


def test_a_batch_survives_a_full_disk(machine: Machine, tmp_path: Path) -> None:
    """A real one: its shard waits, nothing half-written remains, and it is rendered when there is space."""
    with mounted(tmp_path / "disk", "16m") as disk:
        store = Store.from_settings(Settings(store_url=(disk / "store").as_uri()))
        scene = Scene(dataclasses.replace(machine, store=store))
        scene.publish_generator(tmp_path)
        batch = scene.request_batch(scene.fit(), n=4, shard_size=4)
        call = shard_call(ShardRef(batch=batch.ref, index=0), 1)
        put(machine.redis, call)
        worker = Worker("generate", scene.machine)
        fill(disk / "filler")
        worker.work(burst=True)
        assert list(disk.rglob("*.tar*")) == []
        assert fetch(machine, call).get_status() is JobStatus.SCHEDULED
        (disk / "filler").unlink()
        end_wait(machine, call)
        worker.work(burst=True)
        assert scene.batch_manifest(batch.ref).num_samples == 4
