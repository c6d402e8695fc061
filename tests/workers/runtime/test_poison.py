"""Whatever is written into Redis: a poison job does not run, does not end the worker, and does not come back."""

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
    """RQ's signal handlers are taken back; the witness is gone before and after."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    WITNESS.unlink(missing_ok=True)
    yield
    WITNESS.unlink(missing_ok=True)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def touch_witness(*_: object) -> None:
    """What a stranger would have called."""
    WITNESS.touch()


def fields(data: object = None, **changed: EncodableT) -> Fields:
    """The hash of a fit's job as RQ writes it, but for what is changed."""
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
    "a status of its own": fields(status="boiling"),
    "a date that is none": fields(created_at="yesterday"),
    "another queue's name": fields(origin="generate"),
    "no data": {"status": "queued"},
    "a huge payload": fields(description="x" * (MAX_JOB_BYTES + 1)),
    "a payload that unpacks to much": fields(zlib.compress(bytes(100_000_000))),
}


def write_text(connection: "redis.Redis", rq_id: str) -> None:
    """A job that is no hash."""
    connection.set(Job.key_for(rq_id), "x")
    push(connection, rq_id)


def push(connection: "redis.Redis", rq_id: str | bytes) -> None:
    """Puts an id into the queue, as RPUSH does."""
    connection.rpush(open_queue(connection, "fit").key, rq_id)


def write_hash(connection: "redis.Redis", name: str) -> None:
    """Writes one of the hashes and queues it."""
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
    """Writes one kind of poison."""
    if name in ODD:
        ODD[name](connection)
    else:
        write_hash(connection, name)


KINDS = sorted([*HASHES, *ODD])


def good(scene: Scene) -> FitRequest:
    """A job that runs, behind whatever is queued."""
    fit = scene.ask_fit()
    scene.cancel(fit.ref)  # it runs to its end at once
    put(scene.machine.redis, job_call(scene.machine.kinds, fit, 1))
    return fit


def left_of(connection: "redis.Redis") -> list[str]:
    """Keys of RQ's that still mention the poison."""
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
    """Nothing of it runs, nothing of it is left, and the worker is still there for the next."""
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
    """A job taken for running or due again would run its failure callback, or end every round."""
    connection, machine = scene.machine.redis, patient(scene.machine)
    connection.hset(Job.key_for(POISON_ID), mapping=running(kind))
    entry = f"{POISON_ID}:execution" if registry == "rq:wip:fit" else POISON_ID
    connection.zadd(registry, {entry: 1})
    fit = scene.ask_fit()
    Reconciler(machine).reconcile()
    assert open_queue(connection, "fit").get_job_ids() == [f"{fit.id}-1"]
    assert connection.zcard(registry) == 0
    assert not WITNESS.exists()


@pytest.mark.parametrize("kind", sorted(ODD))
def test_the_reconciler_survives_odd_entries(kind: str, scene: Scene) -> None:
    """Ids that cannot be read, and keys of another kind, are removed."""
    connection = scene.machine.redis
    poison(connection, kind)
    fit = scene.ask_fit()
    Reconciler(patient(scene.machine)).reconcile()
    assert f"{fit.id}-1" in open_queue(connection, "fit").get_job_ids()


def running(kind: str) -> Fields:
    """The hash of a job that a worker has begun."""
    is_begun = HASHES[kind].get("status") == "queued"
    return HASHES[kind] | ({"status": "started"} if is_begun else {})


def patient(machine: Machine) -> Machine:
    """The same machine, whose reconciler takes what is new for lost at once."""
    settings = machine.settings.model_copy(
        update={"heartbeat_interval": Settings().heartbeat_interval * 0}
    )
    values = {name: getattr(machine, name) for name in machine.__dataclass_fields__}
    return Machine(**{**values, "settings": settings})


def test_a_failure_that_cannot_be_recorded_does_not_end_the_worker(scene: Scene) -> None:
    """The job's request is unreadable: its work fails, so does its failure's record, and the next job runs."""
    lost = scene.ask_fit()
    scene.machine.store.put(f"tenants/default/fits/{lost.id}/request.json", b"{")
    scene.machine.store.put(f"tenants/default/fits/{lost.id}/cancel.json", b"{")
    put(scene.machine.redis, job_call(scene.machine.kinds, lost, 1))
    scene.machine.redis.hset(Job.key_for(f"{lost.id}-1"), "retries_left", 0)
    fit = good(scene)
    Worker("fit", scene.machine).work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED


def test_jobs_that_wait_for_ours_are_not_queued(scene: Scene) -> None:
    """RQ would queue what Redis names as waiting for a job that has ended."""
    fit = good(scene)
    scene.machine.redis.sadd(Job.dependents_key_for(f"{fit.id}-1"), POISON_ID)
    scene.machine.redis.hset(Job.key_for(POISON_ID), mapping=fields(["os.mkdir", None, ["/x"], {}]))
    Worker("fit", scene.machine).work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.CANCELLED
    assert open_queue(scene.machine.redis, "fit").get_job_ids() == []


def test_nobody_stops_a_worker_by_a_message(scene: Scene) -> None:
    """RQ's commands (shut down, stop a job) are not listened to."""
    worker = Worker("fit", scene.machine)
    worker.work(burst=True)
    assert scene.machine.redis.publish(f"rq:pubsub:{worker.name}", '{"command": "shutdown"}') == 0
