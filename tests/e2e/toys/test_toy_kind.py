"""A toy kind: a word in, the word in capitals out. It runs through the real app and a worker's code on a memory store.

The kind is declared in this file alone: a request, a manifest, a worker function, a room and a row.
"""

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Literal

import httpx2
import pytest
from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from app.http.idempotency import Created, idempotency_of
from app.http.json_bodies import JsonRoute
from app.http.requests import Exchange, ExchangeDep, IdempotencyKey, WaitSeconds
from app.jobs.answers import envelope
from app.jobs.creating import create_job
from app.jobs.endpoints import answer_create
from app.jobs.routing import JobRoutes, JobTexts
from app.jobs.service import JobState
from app.main import create_app
from contracts.base import Model, now
from contracts.errors.jobs import JobFailed
from contracts.ids import DEFAULT_TENANT, id_pattern
from contracts.jobs import JobEnvelope, JobManifest, JobRef, JobStatus, Request
from contracts.kinds import KINDS, Kind, QueueName, Task
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import queued, serving  # noqa: F401 - a fixture
from tests.workers.scene import open_machine
from workers.runtime import jobs
from workers.runtime.functions import check_functions
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler

Queued = Callable[[str], list[str]]

# What `contracts/toys.py` would hold.


class ToyRequest(Request):
    """`toys/{id}/request.json`."""

    kind: Literal["toy"] = "toy"
    id: Annotated[str, Field(pattern=id_pattern("toy"))]
    word: str


class ToyManifest(JobManifest):
    """`toys/{id}/manifest.json`."""

    kind: Literal["toy"] = "toy"
    capitals: str | None = None


# What `workers/toys.py` would hold.


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Write the word in capitals."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _shout)


def _shout(run: Run) -> ToyManifest:
    word = run.read_request(ToyRequest).word
    if not word.isalpha():
        raise JobFailed(f"expected letters, got {word!r}")
    run.step("shouting", 1, 1)
    ended = {"status": JobStatus.SUCCEEDED, "started_at": run.started_at, "finished_at": now()}
    return ToyManifest.model_validate({**ended, "capitals": word.upper()})


# The row. A long word needs the other queue.


def queue_of(request: ToyRequest) -> QueueName:
    """Return the queue of a toy."""
    return "fit" if len(request.word) > 8 else "cpu"


TOY = Kind(
    "toy",
    ToyRequest,
    ToyManifest,
    (Task(f"{__name__}.run", queue_of, timedelta(minutes=1)),),
    room=__name__,
)

# What `app/toys/` would hold.


class ToyCreate(Model):
    """The body of `POST /v1/toys`."""

    word: str


class ToyView(JobEnvelope[None]):
    """The answer about a toy."""

    kind: Literal["toy"] = "toy"
    word: str
    capitals: str | None = None


def show_toy(state: JobState, exchange: Exchange) -> ToyView:
    """Return the answer about a toy."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, ToyRequest)
    assert isinstance(manifest, ToyManifest | None)
    own = {"word": request.word, "capitals": manifest.capitals if manifest else None}
    return ToyView.model_validate({**envelope(state, exchange.links), **own})


router = APIRouter(route_class=JsonRoute, prefix="/v1/toys", tags=["toys"])
JobRoutes(TOY, ToyView, show_toy, JobTexts("toy", "List.", "Return.", "Delete.")).add_to(router)


@router.post("", status_code=HTTPStatus.ACCEPTED, response_model=ToyView)
async def create_toy(
    body: ToyCreate, exchange: ExchangeDep, wait: WaitSeconds, key: IdempotencyKey = None
) -> ToyView | Response:
    """Create a toy."""
    idempotency = idempotency_of(key, TOY.noun, body.model_dump())

    def resolve(ref: JobRef) -> ToyRequest:
        own = {"tenant": ref.tenant, "id": ref.id, "created_at": now(), "idempotency": idempotency}
        return ToyRequest.model_validate({**own, "word": body.word})

    def create() -> Created[JobState]:
        services, tenant = exchange.services, exchange.tenant
        return create_job(services, tenant, "toy", idempotency=idempotency, resolve=resolve)

    return await answer_create(exchange, await run_in_threadpool(create), wait, show_toy)


# The tests.


@pytest.fixture
def client(settings: Settings, store: Store, ledger: Ledger) -> Iterator[httpx2.Client]:
    """Return a client of the app with one more kind."""
    with serving(create_app(settings, store, (*KINDS, TOY))) as client:
        yield client


@pytest.fixture
def machine(settings: Settings, store: Store, ledger: Ledger) -> Iterator[Machine]:
    """Return a worker's machine with one more kind, whose reconciler repairs jobs of any age."""
    impatient = settings.model_copy(update={"heartbeat_interval": timedelta(0)})
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield open_machine(impatient, store, ledger, (*KINDS, TOY))
    for number, handler in handlers.items():
        signal.signal(number, handler)


def create(client: httpx2.Client, word: str, **headers: str) -> str:
    """Create a toy over HTTP; returns its id."""
    answer = client.post("/v1/toys", json={"word": word}, headers=headers)
    assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
    return str(answer.json()["id"])


def test_a_toy_is_created_run_and_deleted(client: httpx2.Client, machine: Machine) -> None:
    """It passes through the API, the queue, a worker and the store, and leaves a tombstone."""
    toy = create(client, "hello")
    shown = client.get(f"/v1/toys/{toy}").json()
    assert (shown["status"], shown["queue_position"]) == ("queued", 0)
    Worker("cpu", machine).work(burst=True)
    shown = client.get(f"/v1/toys/{toy}").json()
    assert (shown["status"], shown["capitals"]) == ("succeeded", "HELLO")
    assert [item["id"] for item in client.get("/v1/toys").json()["items"]] == [toy]
    events = client.get(f"/v1/toys/{toy}/events").json()["items"]
    assert [event["type"] for event in events] == ["status", "status", "progress", "completed"]
    assert "completed" in client.get(f"/v1/toys/{toy}/events/live").text
    assert client.delete(f"/v1/toys/{toy}").status_code == HTTPStatus.NO_CONTENT
    assert client.get(f"/v1/toys/{toy}").status_code == HTTPStatus.GONE
    assert machine.store.children("tenants/default/toys") == (toy,)


def test_a_toy_that_fails_says_why(client: httpx2.Client, machine: Machine) -> None:
    """The failure of a kind's own work is in the answer."""
    toy = create(client, "1 + 1")
    Worker("cpu", machine).work(burst=True)
    shown = client.get(f"/v1/toys/{toy}").json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "job_failed")


def test_a_toy_is_cancelled(client: httpx2.Client, machine: Machine) -> None:
    """No worker begins it: it leaves the queue, and the reconciler ends it."""
    toy = create(client, "hello")
    assert client.post(f"/v1/toys/{toy}/cancel").json()["status"] == "cancelling"
    Reconciler(machine).reconcile()
    assert client.get(f"/v1/toys/{toy}").json()["status"] == "cancelled"


def test_a_toy_is_created_once_for_a_key(client: httpx2.Client) -> None:
    """The Idempotency-Key works for every kind."""
    key = {"Idempotency-Key": "one"}
    assert create(client, "hello", **key) == create(client, "hello", **key)


def test_the_queue_follows_the_request(
    client: httpx2.Client,
    machine: Machine,
    queued: Queued,  # noqa: F811
) -> None:
    """A long word is queued for other workers, which take it."""
    toy = create(client, "extraordinary")
    assert (queued("cpu"), queued("fit")) == ([], [f"{toy}-1"])
    assert client.get(f"/v1/toys/{toy}").json()["queue_position"] == 0
    Worker("fit", machine).work(burst=True)
    assert client.get(f"/v1/toys/{toy}").json()["capitals"] == "EXTRAORDINARY"


def test_lost_toys_are_queued_again(
    client: httpx2.Client,
    machine: Machine,
    queued: Queued,  # noqa: F811
) -> None:
    """After FLUSHALL each returns to its own queue and to the list."""
    short, long = create(client, "hello"), create(client, "extraordinary")
    machine.redis.flushall()
    Reconciler(machine).reconcile()
    assert (queued("cpu"), queued("fit")) == ([f"{short}-1"], [f"{long}-1"])
    assert machine.ledger.index_page(DEFAULT_TENANT, "toys", None, 10) == [long, short]


def test_other_ids_are_refused(client: httpx2.Client) -> None:
    """The address takes the ids of the kind alone."""
    fit = "fit_" + "0" * 32
    assert client.get(f"/v1/toys/{fit}").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert client.get(f"/v1/toys/{fit.replace('fit', 'toy')}").status_code == HTTPStatus.NOT_FOUND


def test_the_api_describes_toys(client: httpx2.Client) -> None:
    """Operations, statuses and errors follow from the kind."""
    paths = client.get("/openapi.json").json()["paths"]
    operations = {
        one["operationId"]: one
        for path in paths.values()
        for one in path.values()
        if "toys" in one["tags"]
    }
    assert set(operations) == {
        *("create_toy", "list_toys", "get_toy", "cancel_toy", "delete_toy"),
        *("list_toy_events", "follow_toy"),
    }
    assert set(operations["delete_toy"]["responses"]) >= {"204", "404", "409", "410"}
    assert set(operations["create_toy"]["responses"]) >= {"200", "202", "409", "422"}


def test_the_functions_exist(machine: Machine) -> None:
    """A worker starts with this kind."""
    check_functions(machine.kinds)
