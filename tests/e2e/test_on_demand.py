"""A toy kind of item, the report of a batch, made on demand by the real app and a worker's code on a memory store."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest
from fastapi import APIRouter

from app import on_demand
from app.http.requests import ServicesDep
from app.main import create_app
from contracts.base import Artefact, Model
from contracts.digests import sha256_of
from contracts.errors.jobs import InputMissing
from contracts.errors.tree import HandsOffError, Unavailable
from contracts.kinds import EXPORT
from state.ledger import Ledger
from state.on_demand.kinds import ItemKind
from state.on_demand.ledger import Item, OnDemandLedger
from state.queues import Call
from state.settings import Settings
from state.store import Store
from tests.app.conftest import queued, serving  # noqa: F401 - a fixture
from tests.app.streams.test_endpoints import until
from tests.workers.scene import open_machine
from workers.runtime import on_demand as making
from workers.runtime.machine import Machine

Queued = Callable[[str], list[str]]


class Report(Model):
    """The record of a report."""

    page: Artefact


class ReportNotReady(Unavailable):
    """The report is being made."""

    code = "report_not_ready"


class ReportFailed(HandsOffError):
    """The report could not be made."""

    code = "report_failed"


BATCH_ID = "batch_" + "1" * 32
BATCH, PATH = f"default/{BATCH_ID}", f"/reports/default/{BATCH_ID}"
REPORTS: ItemKind[str, Report] = ItemKind(
    item=lambda batch: Item(batch, "report"),
    parse=str,
    call=lambda batch, number: Call(EXPORT, batch, "cpu", f"{BATCH_ID}-{number}"),
    record_type=Report,
    record_key=lambda batch: f"tenants/{batch}/report.json",
    artefacts=lambda report: (report.page,),
    tombstone_key=lambda batch: f"tenants/{batch}/tombstone.json",
    not_ready=lambda batch: ReportNotReady(f"The report of '{batch}' is being made."),
    failed=lambda batch, error: ReportFailed(f"{batch}: {error.detail}"),
)
router = APIRouter()


@router.get("/reports/{tenant}/{batch_id}")
async def read_report(services: ServicesDep, tenant: str, batch_id: str, wait: int = 30) -> Report:
    """Return the report of a batch; have it made when it is absent."""
    batch = f"{tenant}/{batch_id}"

    def request_report() -> Report | None:
        report = on_demand.find(services, REPORTS, batch)
        if report is None:
            on_demand.require(services, REPORTS, batch)
        return report

    return await on_demand.wait(services, REPORTS, batch, request_item=request_report, seconds=wait)


@pytest.fixture
def client(settings: Settings, store: Store, ledger: Ledger) -> Iterator[httpx2.Client]:
    """Return a client of the app, which has one more route."""
    app = create_app(settings, store)
    app.include_router(router)
    with serving(app) as client:
        yield client


@pytest.fixture
def machine(settings: Settings, store: Store, ledger: Ledger) -> Machine:
    """Return a worker's machine, whose reconciler frees claims of any age."""
    impatient = settings.model_copy(update={"heartbeat_interval": timedelta(0)})
    return open_machine(impatient, store, ledger)


def make_report(machine: Machine, page: bytes = b"a page") -> None:
    """Run the call of the report as a worker does. Without a page it fails."""

    def work(batch: str) -> Report:
        if not page:
            raise InputMissing(f"The shards of '{batch}' are gone.")
        digest = sha256_of(page)
        key = f"tenants/{batch}/report/{digest}.html"
        machine.store.put(key, page)
        return Report(page=Artefact(key=key, sha256=digest, num_bytes=len(page)))

    making.make(machine, REPORTS, BATCH, 1, work)


def test_all_requests_wait_for_one_report(
    client: httpx2.Client,
    machine: Machine,
    queued: Queued,  # noqa: F811
) -> None:
    """It is queued once, its news wakes both requests, and its claim ends."""
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.get, PATH) for _ in range(2)]
        until(lambda: bool(queued("cpu")))
        make_report(machine)
        assert [answer.result().json()["page"]["num_bytes"] for answer in answers] == [6, 6]
    assert len(queued("cpu")) == 1
    assert OnDemandLedger(machine.ledger).all_claims() == {}


def test_a_wait_ends_with_the_kinds_own_error(client: httpx2.Client) -> None:
    """No worker runs here."""
    answer = client.get(PATH, params={"wait": 0})
    assert (answer.status_code, answer.json()["code"]) == (503, "report_not_ready")


def test_a_failure_is_reported_to_all_requests(
    client: httpx2.Client,
    machine: Machine,
    queued: Queued,  # noqa: F811
) -> None:
    """The report is not queued again while its failure is reported."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, PATH)
        until(lambda: bool(queued("cpu")))
        make_report(machine, page=b"")
        codes = [answer.result().json()["code"], client.get(PATH).json()["code"]]
    assert codes == ["report_failed", "report_failed"]
    assert queued("cpu") == [f"{BATCH_ID}-1"]


def test_a_request_queues_a_report_again_whose_worker_died(
    client: httpx2.Client,
    machine: Machine,
    queued: Queued,  # noqa: F811
) -> None:
    """The repair frees the claim, and the request goes on waiting."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, PATH)
        until(lambda: queued("cpu") == [f"{BATCH_ID}-1"])
        making.free_lost_claims(machine, [f"{BATCH_ID}-1"])  # still queued: it stays
        assert len(OnDemandLedger(machine.ledger).all_claims()) == 1
        making.free_lost_claims(machine, ())
        until(lambda: queued("cpu") == [f"{BATCH_ID}-1", f"{BATCH_ID}-2"])
        make_report(machine)
        assert answer.result().status_code == 200
