"""Batches over HTTP."""

import hashlib
import threading
import time
from collections.abc import Callable

import httpx2
import pytest

from contracts.batches import BatchManifest
from contracts.ids import DEFAULT_TENANT, new_id
from state import keys
from state.settings import Settings
from state.store import Store

FinishBatch = Callable[[str], BatchManifest]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with small limits."""
    return settings.model_copy(
        update={"max_batch_samples": 1_000, "max_batch_shards": 500, "shard_size": 16}
    )


@pytest.fixture
def batch_id(client: httpx2.Client, finished_fit_id: str) -> str:
    """Return a queued batch of 40 samples in three shards."""
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 40, "seed": 1})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_create_queues_the_first_shards(
    client: httpx2.Client, batch_id: str, queued: Callable[[str], list[str]]
) -> None:
    """Two of the three shards of a new batch are in the queue."""
    assert queued("generate") == [f"{batch_id}-00000{k}-1" for k in (0, 1)]
    assert client.get(f"/v1/batches/{batch_id}").json()["num_shards"] == 3


def test_a_batch_with_a_filter_starts_with_a_pilot(
    client: httpx2.Client, finished_fit_id: str, queued: Callable[[str], list[str]]
) -> None:
    """The pilot measures how uncertain the samples are, before the first shard."""
    body = {"fit": finished_fit_id, "n": 40, "filter": {"drop_share": 0.1}}
    batch = client.post("/v1/batches", json=body).json()
    assert queued("generate") == [f"{batch['id']}-pilot-1"]


def test_an_unknown_fit_is_refused(client: httpx2.Client) -> None:
    """The error names the field."""
    answer = client.post("/v1/batches", json={"fit": new_id("fit"), "n": 1})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/fit")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0),
        ("n", 1_001),
        ("seed", -1),
        ("truncation", 0),
        ("truncation", 1.5),
        ("filter", {"drop_share": 1}),
        ("image_format", "gif"),
        ("shard_size", 0),
    ],
)
def test_values_out_of_range_are_refused(
    client: httpx2.Client, finished_fit_id: str, field: str, value: object
) -> None:
    """The error names the field."""
    body = {"fit": finished_fit_id, "n": 1} | {field: value}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


def test_a_batch_of_too_many_shards_is_refused(
    client: httpx2.Client, finished_fit_id: str, settings: Settings
) -> None:
    """The worker of the last shard reads all records, so there is a limit. The error says how many there would be."""
    n = settings.max_batch_shards + 1
    body = {"fit": finished_fit_id, "n": n, "shard_size": 1}
    answer = client.post("/v1/batches", json=body)
    (flaw,) = answer.json()["errors"]
    assert (answer.status_code, flaw["pointer"]) == (422, "/shard_size")
    assert f"got {n} " in flaw["detail"]


def test_shards_can_be_read_by_their_links(
    client: httpx2.Client, batch_id: str, finish_batch: FinishBatch
) -> None:
    """The link of each shard returns bytes with its digest."""
    finish_batch(batch_id)
    listed = client.get(f"/v1/batches/{batch_id}/shards").json()
    assert (listed["num_samples"], len(listed["items"])) == (40, 3)
    for shard in listed["items"]:
        data = client.get(shard["url"]).content
        assert hashlib.sha256(data).hexdigest() == shard["sha256"]
        assert len(data) == shard["num_bytes"]


def test_the_stored_manifest_can_be_read(
    client: httpx2.Client, batch_id: str, finish_batch: FinishBatch
) -> None:
    """The answer equals the manifest in the store."""
    manifest = finish_batch(batch_id)
    answer = client.get(f"/v1/batches/{batch_id}/manifest")
    assert BatchManifest.model_validate(answer.json()) == manifest


def test_an_unfinished_batch_has_no_list_of_shards(client: httpx2.Client, batch_id: str) -> None:
    """The answer is 409."""
    answer = client.get(f"/v1/batches/{batch_id}/shards")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_rendered")


def test_the_metrics_show_what_a_filter_costs(
    client: httpx2.Client, batch_id: str, finish_batch: FinishBatch
) -> None:
    """Each class has its share of the kept samples and of all candidates."""
    finish_batch(batch_id)
    metrics = client.get(f"/v1/batches/{batch_id}").json()["metrics"]
    hair = metrics["classes"][2]
    assert (hair["name"], hair["kept_share"], hair["num_pixels"]) == ("hair", 3 / 40, 3)
    assert hair["candidate_share"] == 6 / 80


def test_a_create_may_wait_for_the_end(
    client: httpx2.Client, finished_fit_id: str, finish_batch: FinishBatch, store: Store
) -> None:
    """With `Prefer: wait`, one request creates a small batch and returns it finished, with 200."""
    batches = keys.noun_prefix(DEFAULT_TENANT, "batches")

    def finish_first_batch() -> None:
        while not (ids := store.children(batches)):
            time.sleep(0.01)
        finish_batch(ids[0])

    thread = threading.Thread(target=finish_first_batch)
    thread.start()
    headers = {"Prefer": "wait=30"}
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 1}, headers=headers)
    thread.join()
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_a_batch_has_the_routes_of_a_job(
    client: httpx2.Client, batch_id: str, finish_batch: FinishBatch
) -> None:
    """It can be listed, cancelled, followed and deleted."""
    path = f"/v1/batches/{batch_id}"
    assert client.post(f"{path}/cancel").json()["status"] == "cancelling"
    finish_batch(batch_id)
    assert "event: completed" in client.get(f"{path}/events/live").text
    assert client.get(f"{path}/events").json()["items"][-1]["type"] == "completed"
    assert [batch["id"] for batch in client.get("/v1/batches").json()["items"]] == [batch_id]
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 410
