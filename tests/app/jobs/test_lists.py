"""Lists of jobs by status, and jobs that Redis cannot list."""

from datetime import timedelta

import httpx2
import pytest

from benchmarks.counting import CountedStore
from contracts.fits.fit import FitManifest, FitRequest
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.ledger import Ledger
from state.listing.statuses import StatusIndex


@pytest.fixture
def store() -> CountedStore:
    """Return a store that counts its requests."""
    return CountedStore.empty()


def ended_copies(
    store: CountedStore, fit_id: str, status: JobStatus, count: int
) -> dict[str, JobStatus]:
    """Store copies of a fit that have ended. Returns their status by id."""
    request = records.read_request(store, JobRef(tenant=DEFAULT_TENANT, id=fit_id), FitRequest)
    assert request is not None
    ids = {}
    for _ in range(count):
        one = request.model_copy(update={"id": new_id("fit")})
        records.write(store, keys.job_request(one.ref), one)
        manifest = records.ended_without_result(FitManifest, status, None)  # type: ignore[arg-type]
        records.write(store, keys.job_manifest(one.ref), manifest)
        ids[one.id] = status
    return ids


def test_a_list_by_status_reads_only_its_jobs(
    client: httpx2.Client, store: CountedStore, ledger: Ledger, fit_id: str
) -> None:
    """Its cost does not depend on the number of other jobs."""
    failed = ended_copies(store, fit_id, JobStatus.FAILED, 2)
    ended = failed | ended_copies(store, fit_id, JobStatus.CANCELLED, 100)
    index = StatusIndex(ledger.redis, DEFAULT_TENANT, "fits")
    index.fill(ended)
    ledger.try_lock("index", "a test", ttl=timedelta(minutes=1))
    index.complete("index", "a test")
    with store.counting() as requests:
        listed = client.get("/v1/fits", params={"status": "failed"}).json()["items"]
    assert {item["id"] for item in listed} == failed.keys()
    assert requests == {"get": 2 * 2}


def test_a_list_by_status_checks_each_job(
    client: httpx2.Client, store: CountedStore, ledger: Ledger, fit_id: str
) -> None:
    """A job in the wrong list is not shown; an incomplete list is not used."""
    (failed,) = ended_copies(store, fit_id, JobStatus.FAILED, 1)
    query = {"status": "failed"}
    assert [one["id"] for one in client.get("/v1/fits", params=query).json()["items"]] == [failed]
    index = StatusIndex(ledger.redis, DEFAULT_TENANT, "fits")
    index.fill({failed: JobStatus.FAILED, fit_id: JobStatus.FAILED})
    ledger.try_lock("index", "a test", ttl=timedelta(minutes=1))
    index.complete("index", "a test")
    assert [one["id"] for one in client.get("/v1/fits", params=query).json()["items"]] == [failed]


def test_a_job_that_redis_cannot_list_is_noted(
    client: httpx2.Client, store: CountedStore, ledger: Ledger, fit_id: str, labelset_id: str
) -> None:
    """A full Redis refuses to list it: the store has a note for the reconciler, from before the request."""
    ledger.redis.config_set("maxmemory", 1)
    try:
        body = {"generator": "tiny-32", "labelset": labelset_id}
        answer = client.post("/v1/fits", json=body)
    finally:
        ledger.redis.config_set("maxmemory", 0)
    assert answer.status_code == 202
    created = JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])
    assert created.id != fit_id
    assert store.head(keys.unlisted(created)) is not None
    assert created.id not in ledger.index_page(DEFAULT_TENANT, "fits", None, 10)
