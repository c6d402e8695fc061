"""A batch of more shards than one answer lists, over HTTP: its records are in pages beside the manifest."""

from collections.abc import Callable

import httpx2
import pytest

from benchmarks.counting import CountedStore
from contracts.batches import SHARDS_PER_PAGE, BatchManifest, BatchRequest, ShardRecord
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.batches.pages import shards_of, store_finished, store_pages
from state.ledger import Ledger

NUM_SHARDS = 4_200


@pytest.fixture
def store() -> CountedStore:
    """Return a store that counts its requests."""
    return CountedStore.empty()


@pytest.fixture
def large(
    client: httpx2.Client,
    finished_fit_id: str,
    store: CountedStore,
    ledger: Ledger,
    finish_batch: Callable[[str], BatchManifest],
) -> BatchRequest:
    """Return a batch that has succeeded. Its records are copies of the record of one shard."""
    model = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 1}).json()["id"]
    (record,) = finish_batch(model).shards
    body = {"fit": finished_fit_id, "n": NUM_SHARDS, "shard_size": 1}
    ref = JobRef(tenant=DEFAULT_TENANT, id=client.post("/v1/batches", json=body).json()["id"])
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    for index in range(NUM_SHARDS):
        shard = record.model_copy(update={"index": index})
        records.write(store, keys.shard_record(ref, index), shard)
    manifest = store_pages(store, request)
    assert manifest is not None
    records.finish(store, ledger, ref, manifest)
    return request


def stored_manifest(store: CountedStore, batch: BatchRequest) -> BatchManifest:
    """Return the manifest of a batch."""
    manifest = records.read_manifest(store, batch.ref, BatchManifest)
    assert manifest is not None
    return manifest


def test_a_hundred_thousand_shards_are_accepted(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """Shards of the default size; one more is refused with the limit."""
    n = 100_000 * 256
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": n})
    assert (answer.status_code, answer.json()["num_shards"]) == (202, 100_000)
    answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": n, "shard_size": 255})
    assert answer.status_code == 422
    assert "at most 100000 shards, got 100393" in answer.json()["errors"][0]["detail"]


def test_a_poll_does_not_read_the_shards(
    client: httpx2.Client, store: CountedStore, large: BatchRequest
) -> None:
    """The manifest is small however many shards there are, and the counts cover all of them."""
    info = store.head(keys.job_manifest(large.ref))
    assert info is not None
    assert info.num_bytes < 5_000
    with store.counting() as requests:
        batch = client.get(f"/v1/batches/{large.id}").json()
    assert batch["metrics"]["num_samples"] == NUM_SHARDS
    assert requests == {"get": 2}


def test_shards_are_listed_page_by_page(
    client: httpx2.Client, store: CountedStore, large: BatchRequest
) -> None:
    """Every shard is listed once, in order. A page of the answer reads at most two of the store."""
    indices: list[int] = []
    query: dict[str, int] = {"limit": 900}
    while True:
        with store.counting() as requests:
            listed = client.get(f"/v1/batches/{large.id}/shards", params=query).json()
        assert requests["get"] <= 2 + 2
        indices += [shard["index"] for shard in listed["items"]]
        query["after"] = indices[-1]
        if not listed["has_more"]:
            break
    assert indices == list(range(NUM_SHARDS))
    past = client.get(f"/v1/batches/{large.id}/shards", params={"after": NUM_SHARDS}).json()
    assert (past["items"], past["has_more"]) == ([], False)


def test_too_many_shards_for_one_answer_need_a_limit(
    client: httpx2.Client, large: BatchRequest
) -> None:
    """A client that knows no pages gets an error instead of a part of the shards."""
    answer = client.get(f"/v1/batches/{large.id}/shards")
    (flaw,) = answer.json()["errors"]
    assert (answer.status_code, flaw["pointer"]) == (422, "limit")
    assert f"a batch of {NUM_SHARDS} shards" in flaw["detail"]


def test_pages_hold_every_record(store: CountedStore, large: BatchRequest) -> None:
    """The manifest pins them by digest, and any range can be read."""
    manifest = stored_manifest(store, large)
    assert [page.num_shards for page in manifest.pages] == [SHARDS_PER_PAGE] * 4 + [200]
    assert manifest.shards == ()

    def read(start: int, stop: int | None) -> list[int]:
        shards: list[ShardRecord] = list(shards_of(store, manifest, start, stop))
        return [shard.index for shard in shards]

    assert read(0, None) == list(range(NUM_SHARDS))
    assert read(999, 1_001) == [999, 1_000]
    assert read(4_199, 5_000) == [4_199]


def test_a_failed_batch_of_many_shards_is_listed_in_pages(
    client: httpx2.Client, store: CountedStore, large: BatchRequest, ledger: Ledger
) -> None:
    """Every third shard is missing. A page starts after an index, whether or not that shard exists."""
    for index in range(0, NUM_SHARDS, 3):
        store.delete(keys.shard_record(large.ref, index))
    store.delete(keys.job_manifest(large.ref))
    ended = records.ended_without_result(BatchManifest, JobStatus.CANCELLED, None)
    manifest = store_finished(store, large, ended)
    assert (manifest.num_shards, len(manifest.pages)) == (2_800, 3)
    records.finish(store, ledger, large.ref, manifest)
    for after, expected in ((2_999, [3_001, 3_002]), (3_001, [3_002, 3_004])):
        query: dict[str, int] = {"after": after, "limit": 2}
        page = client.get(f"/v1/batches/{large.id}/shards", params=query).json()
        assert [shard["index"] for shard in page["items"]] == expected
        assert (page["has_more"], page["is_partial"]) == (True, True)
    last = client.get(f"/v1/batches/{large.id}/shards", params={"after": 4_196, "limit": 9}).json()
    assert [shard["index"] for shard in last["items"]] == [4_198, 4_199]
    assert not last["has_more"]
