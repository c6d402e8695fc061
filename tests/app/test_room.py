"""Work that the disk of the store has no room for is refused before it is accepted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from app.room import BYTES_PER_SAMPLE, check_room, expected_bytes
from contracts.batches import BatchManifest, BatchRequest
from contracts.errors.tree import Unavailable
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from state import keys, records
from state.settings import MiB, Settings
from state.store import Store

FREE = 100 * MiB


class SmallDisk(Store):
    """A store in memory on a disk with 100 MiB of free space."""

    def free_bytes(self) -> int | None:
        """Return the free space."""
        return FREE


@pytest.fixture
def store() -> Store:
    """Return a store with 100 MiB of free space."""
    return SmallDisk.in_memory()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that keep 90 MiB free."""
    return settings.model_copy(update={"min_free_bytes": 90 * MiB})


@pytest.fixture
def batch_id(client: httpx2.Client, finished_fit_id: str) -> str:
    """Return a batch that was accepted."""
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 40, "shard_size": 16})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def fill(served: tuple[FastAPI, httpx2.Client], settings: Settings) -> Callable[[], None]:
    """Return a function that fills the disk: less is free than has to stay free."""

    def full() -> None:
        state = served[0].state
        more = settings.model_copy(update={"min_free_bytes": FREE + 1})
        state.services = replace(state.services, settings=more)

    return full


def test_a_batch_that_does_not_fit_is_refused(
    client: httpx2.Client, finished_fit_id: str, store: Store
) -> None:
    """The answer says how much is needed and free, and when to retry. Nothing is stored."""
    body = {"fit": finished_fit_id, "n": 10 * MiB // BYTES_PER_SAMPLE}
    answer = client.post("/v1/batches", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retryable"]) == (503, "unavailable", True)
    assert answer.headers["Retry-After"] == "60"
    assert "90 MiB in reserve" in problem["detail"]
    assert "got 100 MiB" in problem["detail"]
    assert store.children(keys.noun_prefix(DEFAULT_TENANT, "batches")) == ()


def test_on_a_full_disk_nothing_new_is_accepted(
    client: httpx2.Client,
    finished_fit_id: str,
    batch_id: str,
    fill: Callable[[], None],
    finish_batch: Callable[[str], BatchManifest],
) -> None:
    """Not even a small batch, a stream or an upload. Results can be read, and a deletion makes room."""
    finish_batch(batch_id)
    fill()
    upload = {"num_bytes": 1, "sha256": "0" * 64}
    bodies = {
        "batches": {"fit": finished_fit_id, "n": 1},
        "streams": {"fit": finished_fit_id},
        "uploads": upload,
    }
    for noun, body in bodies.items():
        assert client.post(f"/v1/{noun}", json=body).status_code == 503, noun
    assert client.get(f"/v1/batches/{batch_id}/shards").status_code == 200
    assert client.delete(f"/v1/batches/{batch_id}").status_code == 204


def test_a_full_disk_degrades_the_service(client: httpx2.Client, fill: Callable[[], None]) -> None:
    """It is not unready: a proxy must not stop the deletions that make room."""
    assert client.get("/readyz").json()["has_room"] is True
    fill()
    answer = client.get("/readyz")
    ready = answer.json()
    assert (answer.status_code, ready["status"], ready["has_room"]) == (200, "degraded", False)
    assert ready["store"] is True


def test_a_large_upload_is_refused_before_it_is_sent(client: httpx2.Client) -> None:
    """Its size is announced."""
    body = {"num_bytes": 11 * MiB, "sha256": "0" * 64}
    assert client.post("/v1/uploads", json=body).status_code == 503


def test_a_request_that_was_accepted_is_answered(
    client: httpx2.Client, finished_fit_id: str, fill: Callable[[], None]
) -> None:
    """The disk became full since. The same Idempotency-Key still gets its batch."""
    body, headers = {"fit": finished_fit_id, "n": 1}, {"Idempotency-Key": "once"}
    first = client.post("/v1/batches", json=body, headers=headers)
    fill()
    again = client.post("/v1/batches", json=body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_adopted_shards_need_no_room(
    batch_id: str, store: Store, finish_batch: Callable[[str], BatchManifest]
) -> None:
    """A resumed batch counts only the shards that it renders."""
    earlier = records.read_request(store, JobRef(tenant=DEFAULT_TENANT, id=batch_id), BatchRequest)
    assert earlier is not None
    resumed = earlier.model_copy(update={"id": new_id("batch"), "resumes": (batch_id,)})
    assert expected_bytes(store, resumed) == expected_bytes(store, earlier) > 0
    for shard in finish_batch(batch_id).shards[:2]:
        records.write(store, keys.shard_record(earlier.ref, shard.index), shard)
    share = expected_bytes(store, resumed) / expected_bytes(store, earlier)
    assert share == pytest.approx(8 / 40)


def test_the_free_space_of_a_folder_is_that_of_its_disk(tmp_path: Path) -> None:
    """More than the disk has is refused. A bucket has no known limit."""
    store = Store.from_settings(Settings(store_url=tmp_path.as_uri()))
    free = store.free_bytes()
    assert free is not None
    assert free > 0
    with pytest.raises(Unavailable):
        check_room(store, Settings(min_free_bytes=2**60))
    check_room(Store.in_memory(), Settings(min_free_bytes=2**60))
