"""Batches that did not succeed over HTTP: their shards can be read, and a new batch continues them."""

import hashlib
from collections.abc import Callable

import httpx2
import pytest

from contracts.batches import BatchManifest, BatchRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, JobStatus
from contracts.recipes.recipe import OLDEST_RENDER_VERSION
from state import keys, records
from state.ledger import Ledger
from state.store import Store

FinishBatch = Callable[[str], BatchManifest]


@pytest.fixture
def batch_id(client: httpx2.Client, finished_fit_id: str) -> str:
    """Return a queued batch of 40 samples in three shards."""
    body = {"fit": finished_fit_id, "n": 40, "seed": 3, "shard_size": 16}
    return str(client.post("/v1/batches", json=body).json()["id"])


@pytest.fixture
def failed_id(batch_id: str, fail_batch: Callable[[str], None]) -> str:
    """Return a batch that failed with its shards 0 and 2."""
    fail_batch(batch_id)
    return batch_id


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, answer.json()["code"]


def test_the_shards_of_a_failed_batch_can_be_read(client: httpx2.Client, failed_id: str) -> None:
    """Those that were finished, with links to their bytes; the metrics describe them."""
    listed = client.get(f"/v1/batches/{failed_id}/shards").json()
    assert [shard["index"] for shard in listed["items"]] == [0, 2]
    assert (listed["num_samples"], listed["is_partial"]) == (24, True)
    for shard in listed["items"]:
        data = client.get(shard["url"]).content
        assert hashlib.sha256(data).hexdigest() == shard["sha256"]
    assert client.get(f"/v1/batches/{failed_id}/manifest").json()["status"] == "failed"
    view = client.get(f"/v1/batches/{failed_id}").json()
    assert (view["status"], view["metrics"]["num_samples"]) == ("failed", 24)


def test_a_part_of_a_batch_is_not_exported(client: httpx2.Client, failed_id: str) -> None:
    """An export without a third of the samples would pass for the whole batch."""
    answer = client.get(f"/v1/batches/{failed_id}/export?format=folder")
    assert code_of(answer) == (409, "not_rendered")


def test_a_batch_that_was_cancelled_at_once_has_no_shards(
    client: httpx2.Client, batch_id: str, store: Store, ledger: Ledger
) -> None:
    """The answer is 409, as before."""
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.finish(store, ledger, JobRef(tenant=DEFAULT_TENANT, id=batch_id), ended)
    assert code_of(client.get(f"/v1/batches/{batch_id}/shards")) == (409, "not_rendered")


def test_a_failed_batch_is_continued(client: httpx2.Client, failed_id: str) -> None:
    """A new batch with the same request is created and queued. It names the batch that it continues."""
    answer = client.post(f"/v1/batches/{failed_id}/resume")
    new, old = answer.json(), client.get(f"/v1/batches/{failed_id}").json()
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(f"/v1/batches/{new['id']}")
    assert (new["resumes"], old["resumes"]) == (failed_id, None)
    same = ("n", "seed", "shard_size", "fit", "truncation", "labels", "render_version")
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert client.get(answer.headers["Location"]).json()["queue_position"] is not None


def test_a_continued_batch_expires_as_it_was_requested(
    client: httpx2.Client,
    finished_fit_id: str,
    fail_batch: Callable[[str], None],
    store: Store,
) -> None:
    """The time that the first request asked for is that of the new batch too."""
    body = {"fit": finished_fit_id, "n": 40, "shard_size": 16, "expires_after_seconds": 3_600}
    first = client.post("/v1/batches", json=body).json()["id"]
    fail_batch(first)
    again = client.post(f"/v1/batches/{first}/resume").json()["id"]
    ref = JobRef(tenant=DEFAULT_TENANT, id=again)
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    assert request.expires_after_seconds == 3_600


def test_it_remembers_all_earlier_batches(
    client: httpx2.Client, failed_id: str, store: Store, ledger: Ledger
) -> None:
    """A batch that is resumed twice finds the shards of the first one."""
    second = client.post(f"/v1/batches/{failed_id}/resume").json()["id"]
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    records.finish(store, ledger, JobRef(tenant=DEFAULT_TENANT, id=second), ended)
    third = client.post(f"/v1/batches/{second}/resume").json()["id"]
    request = records.read_request(store, JobRef(tenant=DEFAULT_TENANT, id=third), BatchRequest)
    assert request is not None
    assert request.resumes == (second, failed_id)


def test_a_repeated_resume_returns_the_same_batch(client: httpx2.Client, failed_id: str) -> None:
    """Also after the earlier batch was deleted. Another batch under the same key is refused."""
    headers = {"Idempotency-Key": "once"}
    path = f"/v1/batches/{failed_id}/resume"
    first = client.post(path, headers=headers)
    assert client.delete(f"/v1/batches/{failed_id}").status_code == 204
    again = client.post(path, headers=headers)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = client.post(f"/v1/batches/{first.json()['id']}/resume", headers=headers)
    assert code_of(other) == (422, "idempotency_mismatch")


def test_a_running_batch_is_not_resumed(client: httpx2.Client, batch_id: str) -> None:
    """The message has its status and what to do."""
    answer = client.post(f"/v1/batches/{batch_id}/resume")
    assert code_of(answer) == (409, "not_resumable")
    assert "is queued: wait for its end" in answer.json()["detail"]


def test_a_succeeded_batch_is_not_resumed(
    client: httpx2.Client, batch_id: str, finish_batch: FinishBatch
) -> None:
    """It has all samples."""
    finish_batch(batch_id)
    answer = client.post(f"/v1/batches/{batch_id}/resume")
    assert code_of(answer) == (409, "not_resumable")
    assert "it has all samples" in answer.json()["detail"]


def test_a_batch_of_a_deleted_fit_is_not_resumed(
    client: httpx2.Client, failed_id: str, finished_fit_id: str
) -> None:
    """Its shards could not be rendered."""
    assert client.delete(f"/v1/fits/{finished_fit_id}").status_code == 204
    answer = client.post(f"/v1/batches/{failed_id}/resume")
    assert code_of(answer) == (409, "not_resumable")


def test_shards_of_another_version_are_not_mixed(
    client: httpx2.Client, failed_id: str, store: Store
) -> None:
    """The same request would render other bytes than an early version, so the samples would not belong together."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=failed_id)
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    older = request.model_copy(update={"render_version": OLDEST_RENDER_VERSION - 1})
    records.write(store, keys.job_request(ref), older)
    answer = client.post(f"/v1/batches/{failed_id}/resume")
    assert code_of(answer) == (409, "not_resumable")


def test_a_batch_of_the_version_before_is_resumed(
    client: httpx2.Client, failed_id: str, store: Store
) -> None:
    """It keeps its version, and with it the bytes of its shards, which are the same today."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=failed_id)
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    assert request.render_version > OLDEST_RENDER_VERSION
    older = request.model_copy(update={"render_version": OLDEST_RENDER_VERSION})
    records.write(store, keys.job_request(ref), older)
    answer = client.post(f"/v1/batches/{failed_id}/resume")
    assert (answer.status_code, answer.json()["render_version"]) == (202, OLDEST_RENDER_VERSION)


def test_a_deleted_batch_is_not_resumed(client: httpx2.Client, failed_id: str) -> None:
    """The answer says that it was deleted."""
    client.delete(f"/v1/batches/{failed_id}")
    assert code_of(client.post(f"/v1/batches/{failed_id}/resume")) == (410, "deleted")
