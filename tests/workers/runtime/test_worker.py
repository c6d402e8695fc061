"""Our RQ worker: what it runs, what it refuses, and how it ends."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
import torch
from rq import Retry
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from contracts.ids import new_id
from contracts.jobs import JobStatus as Status
from contracts.jobs import Origin
from state import keys, records
from state.queues import job_call, open_queue, put
from state.usage import notes
from tests.workers.scene import Scene
from workers.runtime.machine import Machine
from workers.runtime.worker import Worker

pytestmark = pytest.mark.usefixtures("signals")


@pytest.fixture
def worker(machine: Machine) -> Worker:
    """Return a worker of the queue `fit`."""
    return Worker("fit", machine)


@pytest.fixture
def broken_worker(machine: Machine) -> Worker:
    """Return a worker whose device stores no data: every network fails on it."""
    return Worker("fit", dataclasses.replace(machine, device=torch.device("meta")))


def fetch(machine: Machine, rq_id: str) -> Job:
    """Return a job as RQ reads it."""
    return Job.fetch(rq_id, connection=machine.redis, serializer=JSONSerializer)


def test_it_runs_the_jobs_of_its_queue(scene: Scene, worker: Worker) -> None:
    """The job gets this process's machine; afterwards Redis has nothing of the call."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    worker.work(burst=True)
    assert scene.fit_manifest(fit.ref).status is Status.SUCCEEDED
    assert [key for key in scene.machine.redis.keys("rq:*") if fit.id.encode() in key] == []


def test_a_job_of_a_killed_worker_succeeds(scene: Scene, worker: Worker) -> None:
    """Redis still has the id of the first run, and nothing else of it: its heartbeats have ended."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    job = fetch(scene.machine, f"{fit.id}-1")
    with scene.machine.redis.pipeline() as pipeline:
        first = Execution.create(job, ttl=3_600, pipeline=pipeline)
        pipeline.delete(first.key)
        pipeline.execute()
    worker.work(burst=True)
    assert scene.fit_manifest(fit.ref).status is Status.SUCCEEDED
    assert [key for key in scene.machine.redis.keys("rq:*") if fit.id.encode() in key] == []


def test_it_runs_nothing_but_our_tasks(machine: Machine, worker: Worker) -> None:
    """A process that can write Redis cannot make the worker call any function."""
    queue = open_queue(machine.redis, "fit")
    queue.enqueue_call("os.mkdir", args=("/tmp/written-by-a-stranger",), job_id="forged-1")
    worker.work(burst=True)
    assert not Path("/tmp/written-by-a-stranger").exists()
    with pytest.raises(NoSuchJobError):
        fetch(machine, "forged-1")


def test_a_machine_failure_is_retried(scene: Scene, broken_worker: Worker) -> None:
    """After one failure of the device no manifest is written, and the job waits for its next attempt."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    broken_worker.work(burst=True)
    assert fetch(scene.machine, f"{fit.id}-1").get_status() is JobStatus.SCHEDULED


def test_the_last_failure_ends_the_job(scene: Scene, broken_worker: Worker) -> None:
    """RQ only forgets the job. The manifest says that it failed, and that a retry may help."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    job = fetch(scene.machine, f"{fit.id}-1")
    job.retries_left = 0
    job.save()
    broken_worker.work(burst=True)
    error = scene.fit_manifest(fit.ref).error
    assert error is not None
    assert error.retryable


def test_a_draining_worker_gives_its_job_back(scene: Scene, worker: Worker) -> None:
    """The job returns to the front of its queue, and the run does not count as an attempt."""
    fit = scene.request_fit()
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    scene.machine.pulse.drain()
    worker.work(burst=True, max_jobs=1)
    job = fetch(scene.machine, f"{fit.id}-1")
    assert job.get_status() is JobStatus.QUEUED
    assert job.retries_left == Retry(max=2).max


def test_a_heartbeat_is_in_the_ledger(scene: Scene, worker: Worker) -> None:
    """It contains the worker's queue, state and device."""
    worker.send_heartbeat()
    (beat,) = scene.machine.ledger.workers()
    assert (beat.queue, beat.state, beat.device) == ("fit", "idle", "cpu")
    assert beat.is_fresh(beat.at, timedelta(seconds=1))


def queue_fits(scene: Scene, count: int) -> None:
    """Queue fits that fail at once: their labelset does not exist."""
    missing = scene.add_labelset().model_copy(update={"id": new_id("labelset")})
    for _ in range(count):
        fit = scene.request_fit(labelset=missing)
        put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))


@pytest.mark.parametrize(
    ("limit", "left"), [({"max_jobs_per_worker": 2}, 1), ({"max_worker_bytes": 1}, 2), ({}, 0)]
)
def test_a_worn_worker_ends_after_a_job(scene: Scene, limit: dict[str, int], left: int) -> None:
    """Its supervisor starts a fresh one; the entries that it leaves stay in the queue."""
    settings = scene.machine.settings.model_copy(update=limit)
    machine = dataclasses.replace(scene.machine, settings=settings)
    queue_fits(scene, 3)
    Worker("fit", machine).work(burst=True)
    assert open_queue(machine.redis, "fit").count == left


def test_an_entry_is_counted_and_names_its_request(scene: Scene, worker: Worker) -> None:
    """Its seconds are noted in the store for its tenant, and the log of the worker has the HTTP request."""
    origin = Origin(
        request_id="mine", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )
    fit = scene.request_fit().model_copy(update={"origin": origin})
    records.write(scene.machine.store, keys.job_request(fit.ref), fit)
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as log:
        worker.work(burst=True)
    ended = next(line for line in log if line["event"] == "job ended")
    assert (ended["request_id"], ended["traceparent"]) == ("mine", origin.traceparent)
    used = notes.of_day(scene.machine.store, fit.tenant, notes.today())
    assert 0 < used.device_seconds["cpu"] < 60
