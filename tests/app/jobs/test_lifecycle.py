"""A job over HTTP: get, wait, cancel, delete. Shown on fits; all kinds share the code."""

import threading
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, Progress
from state import keys, records, redis_keys
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from state.waiting.attention import Attention

Finish = Callable[[str], None]


@pytest.fixture
def ref(fit_id: str) -> JobRef:
    """Return a queued fit."""
    return JobRef(tenant=DEFAULT_TENANT, id=fit_id)


def test_a_running_job_shows_its_progress(
    client: httpx2.Client, ref: JobRef, ledger: Ledger
) -> None:
    """The answer has the progress that the worker reported."""
    ledger.record_start(ref, 1)
    ledger.report_progress(ref, Progress(stage="inversion", done=3, total=9))
    job = client.get(f"/v1/fits/{ref.id}").json()
    assert (job["status"], job["attempt"], job["progress"]["done"]) == ("running", 1, 3)


def test_an_unchanged_job_is_not_sent_again(client: httpx2.Client, ref: JobRef) -> None:
    """With the `ETag` of the last answer, the next one is 304 until the job changes."""
    first = client.get(f"/v1/fits/{ref.id}")
    headers = {"If-None-Match": first.headers["ETag"]}
    assert client.get(f"/v1/fits/{ref.id}", headers=headers).status_code == 304
    client.post(f"/v1/fits/{ref.id}/cancel")
    assert client.get(f"/v1/fits/{ref.id}", headers=headers).status_code == 200


def test_a_wait_ends_with_the_job(
    client: httpx2.Client, ref: JobRef, ledger: Ledger, finish_fit: Finish
) -> None:
    """`Prefer: wait` answers as soon as the job has ended, long before its limit."""
    ledger.record_start(ref, 1)
    timer = threading.Timer(0.3, finish_fit, [ref.id])
    timer.start()
    answer = client.get(f"/v1/fits/{ref.id}", headers={"Prefer": "wait=50"})
    timer.join()
    assert answer.json()["status"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=50"
    assert answer.elapsed.total_seconds() < 10


def test_a_wait_is_limited(client: httpx2.Client, ref: JobRef) -> None:
    """At the limit, the answer is the current state of the job."""
    answer = client.get(f"/v1/fits/{ref.id}", headers={"Prefer": "respond-async, wait=1"})
    assert answer.json()["status"] == "queued"


@pytest.mark.parametrize("wait", ["wait=9999", "Wait=61", "wait=" + "9" * 5_000])
def test_a_wait_is_at_most_a_minute(client: httpx2.Client, finished_fit_id: str, wait: str) -> None:
    """A longer wait is reduced, and the answer says to which value."""
    answer = client.get(f"/v1/fits/{finished_fit_id}", headers={"Prefer": wait})
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_a_job_that_ends_during_its_cancel_is_not_cancelled(
    client: httpx2.Client,
    served: tuple[FastAPI, httpx2.Client],
    ref: JobRef,
    store: Store,
    finish_fit: Finish,
) -> None:
    """The job ends while its cancellation is written: the answer and the last event are those of the end."""

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
    """The cancellation is in the store, and a second one changes nothing."""
    for _ in range(2):
        answer = client.post(f"/v1/fits/{ref.id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert records.is_cancelled(store, ref)


def test_a_job_that_has_ended_is_not_cancelled(client: httpx2.Client, finished_fit_id: str) -> None:
    """The answer is 200 with the unchanged job."""
    answer = client.post(f"/v1/fits/{finished_fit_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_a_running_job_cannot_be_deleted(client: httpx2.Client, ref: JobRef) -> None:
    """The answer is 409."""
    answer = client.delete(f"/v1/fits/{ref.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")


def test_a_deleted_job_is_gone(client: httpx2.Client, finished_fit_id: str, store: Store) -> None:
    """Only the tombstone remains, the job is 410, and a second delete is no error."""
    path = f"/v1/fits/{finished_fit_id}"
    assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
    assert client.get(path).status_code == 410
    assert client.get("/v1/fits").json()["items"] == []
    ref = JobRef(tenant=DEFAULT_TENANT, id=finished_fit_id)
    remaining = [info.key for info in store.list(keys.job_prefix(ref))]
    assert remaining == [keys.job_tombstone(ref)]


def test_a_job_outlives_redis(client: httpx2.Client, finished_fit_id: str, ledger: Ledger) -> None:
    """An empty Redis loses neither the job nor the list."""
    ledger.redis.flushall()
    assert client.get(f"/v1/fits/{finished_fit_id}").json()["status"] == "succeeded"
    assert [fit["id"] for fit in client.get("/v1/fits").json()["items"]] == [finished_fit_id]


def test_the_links_of_an_answer_work(
    client: httpx2.Client, settings: Settings, ref: JobRef
) -> None:
    """They lead to the job and to its events."""
    links = client.get(f"/v1/fits/{ref.id}").json()["links"]
    assert client.get(links["self"]).status_code == 200
    assert client.get(links["events"]).status_code == 200


def test_old_progress_of_a_dead_worker_is_stale(
    client: httpx2.Client, ref: JobRef, ledger: Ledger, settings: Settings
) -> None:
    """Nothing has reported for a while, and no live worker has the job. The list says so too."""
    ledger.record_start(ref, 1)
    assert client.get(f"/v1/fits/{ref.id}").json()["is_stale"] is False
    long_ago = now() - settings.heartbeat_fresh
    ledger.redis.hset(redis_keys.live(ref), "reported_at", long_ago.isoformat())
    assert client.get(f"/v1/fits/{ref.id}").json()["is_stale"] is True
    assert client.get("/v1/fits").json()["items"][0]["is_stale"] is True


@pytest.mark.parametrize("part", ["", "/17"])
def test_old_progress_of_a_live_worker_is_not_stale(
    client: httpx2.Client, ref: JobRef, ledger: Ledger, settings: Settings, part: str
) -> None:
    """A step may take minutes; the heartbeat names the job, or a part of it."""
    long_ago = now() - settings.heartbeat_fresh
    ledger.redis.hset(redis_keys.live(ref), "reported_at", long_ago.isoformat())
    beat = Heartbeat(
        worker="w", queue="fit", state="busy", at=now(), device="cpu", job=f"{ref}{part}"
    )
    ledger.record_heartbeat(beat)
    assert client.get(f"/v1/fits/{ref.id}").json()["is_stale"] is False


def test_a_cancelled_job_leaves_its_queue(
    client: httpx2.Client, ref: JobRef, ledger: Ledger, queued: Callable[[str], list[str]]
) -> None:
    """The jobs behind it move up, and a reconciler is woken to end it."""
    assert queued("fit") == [f"{ref.id}-1"]
    client.post(f"/v1/fits/{ref.id}/cancel")
    assert queued("fit") == []
    assert Attention(ledger).next(1) == str(ref)
    assert not list(ledger.redis.scan_iter(f"rq:job:{ref.id}*"))
