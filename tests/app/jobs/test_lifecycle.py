"""Promises of a job's life over HTTP: reading, waiting, cancelling, deleting. Shown on fits; batches share the code."""

import threading
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, Progress
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store

Finish = Callable[[str], None]


@pytest.fixture
def ref(fit_id: str) -> JobRef:
    """The queued fit."""
    return JobRef(tenant=DEFAULT_TENANT, id=fit_id)


def test_a_running_job_shows_how_far_it_is(
    client: httpx2.Client, ref: JobRef, ledger: Ledger
) -> None:
    """What the worker reports is in the answer."""
    ledger.record_start(ref, 1)
    ledger.report_progress(ref, Progress(stage="inversion", done=3, total=9))
    job = client.get(f"/v1/fits/{ref.id}").json()
    assert (job["status"], job["attempt"], job["progress"]["done"]) == ("running", 1, 3)


def test_an_unchanged_job_is_not_sent_again(client: httpx2.Client, ref: JobRef) -> None:
    """With the tag of the last answer, the next one is 304 until something changes."""
    first = client.get(f"/v1/fits/{ref.id}")
    tagged = {"If-None-Match": first.headers["ETag"]}
    assert client.get(f"/v1/fits/{ref.id}", headers=tagged).status_code == 304
    client.post(f"/v1/fits/{ref.id}/cancel")
    assert client.get(f"/v1/fits/{ref.id}", headers=tagged).status_code == 200


def test_waiting_ends_with_the_job(
    client: httpx2.Client, ref: JobRef, ledger: Ledger, finish_fit: Finish
) -> None:
    """`Prefer: wait` answers as soon as the job has ended, long before its time is over."""
    ledger.record_start(ref, 1)
    ender = threading.Timer(0.3, finish_fit, [ref.id])
    ender.start()
    answer = client.get(f"/v1/fits/{ref.id}", headers={"Prefer": "wait=50"})
    ender.join()
    assert answer.json()["status"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=50"
    assert answer.elapsed.total_seconds() < 10


def test_waiting_has_an_end(client: httpx2.Client, ref: JobRef) -> None:
    """When its time is over, the answer is the job as it stands."""
    answer = client.get(f"/v1/fits/{ref.id}", headers={"Prefer": "respond-async, wait=1"})
    assert answer.json()["status"] == "queued"


@pytest.mark.parametrize("wait", ["wait=9999", "Wait=61", "wait=" + "9" * 5_000])
def test_nobody_waits_longer_than_a_minute(
    client: httpx2.Client, finished_fit_id: str, wait: str
) -> None:
    """A longer wait is cut, and the answer says to what."""
    answer = client.get(f"/v1/fits/{finished_fit_id}", headers={"Prefer": wait})
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_a_cancel_that_meets_the_end_is_too_late(
    client: httpx2.Client,
    served: tuple[FastAPI, httpx2.Client],
    ref: JobRef,
    store: Store,
    finish_fit: Finish,
) -> None:
    """The job ends while its cancel is being written: the end is what is answered, and the last event."""

    class EndingStore(Store):
        def create(self, key: str, data: bytes) -> bool:
            if key == keys.job_cancel(ref):
                finish_fit(ref.id)
            return super().create(key, data)

    app, _ = served
    app.state.services = replace(app.state.services, store=EndingStore(store.objects))
    answer = client.post(f"/v1/fits/{ref.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    events = client.get(f"/v1/fits/{ref.id}/events").json()["items"]
    assert events[-1]["type"] == "completed"


def test_a_cancelled_job_is_cancelling_until_a_worker_ends_it(
    client: httpx2.Client, ref: JobRef, store: Store
) -> None:
    """A cancel is a fact in the store, and asking twice changes nothing."""
    for _ in range(2):
        answer = client.post(f"/v1/fits/{ref.id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert records.is_cancelled(store, ref)


def test_cancelling_what_has_ended_changes_nothing(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """The answer is 200 and the job as it ended."""
    answer = client.post(f"/v1/fits/{finished_fit_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_a_job_that_runs_cannot_be_deleted(client: httpx2.Client, ref: JobRef) -> None:
    """Deleting needs an end; the answer says how to get there."""
    answer = client.delete(f"/v1/fits/{ref.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")


def test_what_is_deleted_is_gone(client: httpx2.Client, finished_fit_id: str, store: Store) -> None:
    """After a delete only the tombstone is left, the job is 410, and deleting again is no error."""
    path = f"/v1/fits/{finished_fit_id}"
    assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
    assert client.get(path).status_code == 410
    assert client.get("/v1/fits").json()["items"] == []
    ref = JobRef(tenant=DEFAULT_TENANT, id=finished_fit_id)
    left = [found.key for found in store.list(keys.job_prefix(ref))]
    assert left == [keys.job_tombstone(ref)]


def test_a_job_outlives_redis(client: httpx2.Client, finished_fit_id: str, ledger: Ledger) -> None:
    """With Redis wiped, the job is still there, and so is the list."""
    ledger.redis.flushall()
    assert client.get(f"/v1/fits/{finished_fit_id}").json()["status"] == "succeeded"
    assert [fit["id"] for fit in client.get("/v1/fits").json()["items"]] == [finished_fit_id]


def test_settings_reach_the_links(client: httpx2.Client, settings: Settings, ref: JobRef) -> None:
    """Every link of an answer leads back to where it came from."""
    links = client.get(f"/v1/fits/{ref.id}").json()["links"]
    assert client.get(links["self"]).status_code == 200
    assert client.get(links["events"]).status_code == 200
