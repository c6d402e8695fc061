"""A poison job in Redis does not run, does not end the worker, and does not return."""

import json
import signal
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from redis.typing import EncodableT
from rq.job import Job

from contracts.fits.fit import FitRequest
from contracts.jobs import JobStatus
from state.queues import job_call, open_queue, put
from state.settings import Settings
from tests.workers.scene import Scene
from workers.runtime.machine import Machine
from workers.runtime.poison import MAX_JOB_BYTES
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler

POISON_ID = "fit_" + "0" * 32 + "-1"
ARGUMENT = "default/fit_" + "0" * 32
FIT = "workers.fitting.fits.run"
WITNESS = Path("/tmp/handsoff-test-a-callback-ran")

Fields = dict[EncodableT, EncodableT]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Remove RQ's signal handlers after the test, and the witness before and after it."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    WITNESS.unlink(missing_ok=True)
    yield
    WITNESS.unlink(missing_ok=True)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def touch_witness(*_: object) -> None:
    """Leave a trace of a forbidden call."""
    WITNESS.touch()


def fields(data: object = None, **changed: EncodableT) -> Fields:
    """Return the hash of a fit's job as RQ writes it, with some fields replaced."""
    call = [FIT, None, [ARGUMENT], {}] if data is None else data
    packed = data if isinstance(data, bytes) else zlib.compress(json.dumps(call).encode())
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    usual: Fields = {
        "data": packed,
        "created_at": stamp,
        "enqueued_at": stamp,
        "origin": "fit",
        "status": "queued",
        "timeout": "3600",
        "retries_left": "2",
        "retry_intervals": "[10, 60]",
    }
    return usual | changed


CALLBACK = f"{__name__}.touch_witness"

HASHES: dict[str, Fields] = {
    "no JSON": fields(b"\x80\x04N."),
    "JSON of another shape": fields({"func": "os.mkdir"}),
    "nested JSON": fields(b"[" * 9_000),
    "no argument": fields([FIT, None, [], {}]),
    "an argument that is a number": fields([FIT, None, [7], {}]),
    "an argument that is no reference": fields([FIT, None, ["../../etc"], {}]),
    "a reference of another job": fields([FIT, None, ["default/fit_" + "1" * 32], {}]),
    "a reference of another kind": fields([FIT, None, ["default/batch_" + "0" * 32], {}]),
    "keywords": fields([FIT, None, [ARGUMENT], {"attempt": 1}]),
    "an instance": fields([FIT, "x", [ARGUMENT], {}]),
    "a function of Python's": fields(["os.mkdir", None, [str(WITNESS)], {}]),
    "a function of ours that is no task": fields(
        ["workers.upkeep.leftovers.sweep", None, [ARGUMENT], {}]
    ),
    "a success callback": fields(success_callback_name=CALLBACK),
    "a failure callback": fields(failure_callback_name=CALLBACK),
    "a stopped callback": fields(stopped_callback_name=CALLBACK),
    "a webhook": fields(webhooks='[{"url": "http://127.0.0.1:9/"}]'),
    "a dependency": fields(dependency_ids='["other"]'),
    "repeats": fields(repeats_left="5"),
    "a rate limit": fields(rate_limit_key="key"),
    "no limit of time": fields(timeout="-1"),
    "an absurd limit of time": fields(timeout="9" * 40),
    "a limit of time that is no number": fields(timeout="soon"),
    "an absurd time to keep": fields(result_ttl="9" * 18),
    "retries that are no number": fields(retries_left="many"),
    "intervals that are no JSON": fields(retry_intervals="["),
    "an unknown status": fields(status="boiling"),
    "an invalid date": fields(created_at="yesterday"),
    "another queue's name": fields(origin="generate"),
    "no data": {"status": "queued"},
    "a huge payload": fields(description="x" * (MAX_JOB_BYTES + 1)),
    "a payload that unpacks to much": fields(zlib.compress(bytes(100_000_000))),
}


def write_text(connection: "redis.Redis", rq_id: str) -> None:
    """Queue a job whose key contains a text instead of a hash."""
    connection.set(Job.key_for(rq_id), "x")
    push(connection, rq_id)


def push(connection: "redis.Redis", rq_id: str | bytes) -> None:
    """Append an id to the queue."""
    connection.rpush(open_queue(connection, "fit").key, rq_id)


def write_hash(connection: "redis.Redis", name: str) -> None:
    """Write one of the hashes and queue it."""
    connection.hset(Job.key_for(POISON_ID), mapping=HASHES[name])
    push(connection, POISON_ID)


ODD: dict[str, Callable[["redis.Redis"], object]] = {
    "an id that is no text": lambda connection: push(connection, b"\xff\xfe\x00"),
    "an id of two parts": lambda connection: push(connection, f"{POISON_ID}:x"),
    "an id of a megabyte": lambda connection: push(connection, "x" * 1_000_000),
    "an id without a job": lambda connection: push(connection, POISON_ID),
    "a text where a job belongs": lambda connection: write_text(connection, POISON_ID),
    "a registry that is a text": lambda connection: connection.set("rq:wip:fit", "x"),
}


def poison(connection: "redis.Redis", name: str) -> None:
    """Write one kind of poison."""
    if name in ODD:
        ODD[name](connection)
    else:
        write_hash(connection, name)


KINDS = sorted([*HASHES, *ODD])


def good(scene: Scene) -> FitRequest:
    """Queue a valid job behind the others."""
    fit = scene.request_fit()
    scene.cancel(fit.ref)  # so that it ends at once
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    return fit


def left_of(connection: "redis.Redis") -> list[str]:
    """Return the keys of RQ that still contain the poison."""
    lists = ("rq:queue:fit", "rq:queue:fit:intermediate")
    sets = ("rq:wip:fit", "rq:failed:fit", "rq:finished:fit", "rq:scheduled:fit")
    mentions = [
        key for key in lists for entry in connection.lrange(key, 0, -1) if _is_poison(entry)
    ]
    mentions += [
        key for key in sets for entry in connection.zrange(key, 0, -1) if _is_poison(entry)
    ]
    return mentions + [key for key in (Job.key_for(POISON_ID),) if connection.exists(key)]


def _is_poison(entry: object) -> bool:
    assert isinstance(entry, bytes)
    return entry.startswith((POISON_ID.encode(), b"\xff", b"xxx"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_worker_drops_poison_and_runs_the_next_job(kind: str, scene: Scene) -> None:
    """The poison does not run, all of it is removed, and the worker runs the next job."""
    connection = scene.machine.redis
    poison(connection, kind)
    fit = good(scene)
    Worker("fit", scene.machine).work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED
    assert left_of(connection) == []
    assert not WITNESS.exists()


@pytest.mark.parametrize("kind", sorted(HASHES))
@pytest.mark.parametrize("registry", ["rq:wip:fit", "rq:scheduled:fit"])
def test_the_reconciler_drops_poison_and_repairs_the_rest(
    kind: str, registry: str, scene: Scene
) -> None:
    """A poison job in these registries would run its failure callback, or end every round."""
    connection, machine = scene.machine.redis, patient(scene.machine)
    connection.hset(Job.key_for(POISON_ID), mapping=running(kind))
    entry = f"{POISON_ID}:execution" if registry == "rq:wip:fit" else POISON_ID
    connection.zadd(registry, {entry: 1})
    fit = scene.request_fit()
    Reconciler(machine).reconcile()
    assert open_queue(connection, "fit").get_job_ids() == [f"{fit.id}-1"]
    assert connection.zcard(registry) == 0
    assert not WITNESS.exists()


@pytest.mark.parametrize("kind", sorted(ODD))
def test_the_reconciler_survives_odd_entries(kind: str, scene: Scene) -> None:
    """Unreadable ids, and keys of another Redis type, are removed."""
    connection = scene.machine.redis
    poison(connection, kind)
    fit = scene.request_fit()
    Reconciler(patient(scene.machine)).reconcile()
    assert f"{fit.id}-1" in open_queue(connection, "fit").get_job_ids()


def running(kind: str) -> Fields:
    """Return the hash of a job that a worker has started."""
    is_valid_status = HASHES[kind].get("status") == "queued"
    return HASHES[kind] | ({"status": "started"} if is_valid_status else {})


def patient(machine: Machine) -> Machine:
    """Return the same machine with a reconciler that counts new jobs as lost at once."""
    settings = machine.settings.model_copy(
        update={"heartbeat_interval": Settings().heartbeat_interval * 0}
    )
    values = {name: getattr(machine, name) for name in machine.__dataclass_fields__}
    return Machine(**{**values, "settings": settings})


def test_a_failure_that_cannot_be_recorded_does_not_end_the_worker(scene: Scene) -> None:
    """The job's request is unreadable, so its work fails, and recording the failure too; the next job still runs."""
    lost = scene.request_fit()
    scene.machine.store.put(f"tenants/default/fits/{lost.id}/request.json", b"{")
    scene.machine.store.put(f"tenants/default/fits/{lost.id}/cancel.json", b"{")
    put(scene.machine.redis, job_call(scene.machine.kinds, lost, 1))
    scene.machine.redis.hset(Job.key_for(f"{lost.id}-1"), "retries_left", 0)
    fit = good(scene)
    Worker("fit", scene.machine).work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_jobs_that_wait_for_ours_are_not_queued(scene: Scene) -> None:
    """RQ would queue every job that Redis lists as a dependent of a finished job."""
    fit = good(scene)
    scene.machine.redis.sadd(Job.dependents_key_for(f"{fit.id}-1"), POISON_ID)
    scene.machine.redis.hset(Job.key_for(POISON_ID), mapping=fields(["os.mkdir", None, ["/x"], {}]))
    Worker("fit", scene.machine).work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED
    assert open_queue(scene.machine.redis, "fit").get_job_ids() == []


def test_no_message_stops_a_worker(scene: Scene) -> None:
    """The worker does not subscribe to RQ's commands (shut down, stop a job)."""
    worker = Worker("fit", scene.machine)
    worker.work(burst=True)
    assert scene.machine.redis.publish(f"rq:pubsub:{worker.name}", '{"command": "shutdown"}') == 0
