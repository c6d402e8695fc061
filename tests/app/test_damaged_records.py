"""Records that a failed disk or a half-finished write has damaged: the rest is served, and DELETE removes them."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from contracts.streams import StreamRef, StreamShardRef
from state import keys, records
from state.ledger import Ledger
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import OnDemandLedger
from state.store import Store
from tests.app.streams.conftest import render, stream_id, write_shard  # noqa: F401 - fixtures

DAMAGED = [b"", b'{"tenant": "def', b"\0" * 512, b"[]", b'{"kind": "other"}']
NOUNS = ["fits", "generators", "batches", "evaluations", "inverters", "labelings"]


def job_of(noun: str) -> str:
    """Return a new id of a kind of job."""
    return new_id({"batches": "batch"}.get(noun, noun.removesuffix("s")))


def ids(client: httpx2.Client, noun: str) -> tuple[list[str], list[str]]:
    """Return the ids of a list, and those that it reports as damaged."""
    answer = client.get(f"/v1/{noun}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [item["id"] for item in page["items"]], page["damaged"]


@pytest.mark.parametrize("data", DAMAGED)
@pytest.mark.parametrize("name", ["request", "manifest"])
def test_a_damaged_job_hides_no_other(
    client: httpx2.Client,
    finished_fit_id: str,
    store: Store,
    ledger: Ledger,
    *,
    name: str,
    data: bytes,
) -> None:
    """The list skips and reports it, it has an error of its own, and DELETE removes it."""
    damaged = new_id("fit")
    ref = JobRef(tenant=DEFAULT_TENANT, id=damaged)
    whole = store.get(keys.job_request(JobRef(tenant=DEFAULT_TENANT, id=finished_fit_id)))
    store.put(keys.job_request(ref), whole.replace(finished_fit_id.encode(), damaged.encode()))
    store.put(f"{keys.job_prefix(ref)}/{name}.json", data)
    ledger.index_add(DEFAULT_TENANT, "fits", [damaged])
    assert ids(client, "fits") == ([finished_fit_id], [damaged])
    assert client.get(f"/v1/fits/{damaged}").json()["code"] == "record_damaged"
    assert client.delete(f"/v1/fits/{damaged}").status_code == 204
    assert client.get(f"/v1/fits/{damaged}").status_code == 410
    assert ids(client, "fits") == ([finished_fit_id], [])


@pytest.mark.parametrize("noun", NOUNS)
def test_a_damaged_job_of_every_kind_can_be_deleted(
    client: httpx2.Client, store: Store, noun: str
) -> None:
    """An empty request is reported in the list and removed by DELETE."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=job_of(noun))
    store.put(keys.job_request(ref), b"")
    assert ids(client, noun)[1] == [ref.id]
    assert client.delete(f"/v1/{noun}/{ref.id}").status_code == 204
    assert ids(client, noun)[1] == []


@pytest.mark.parametrize(
    ("noun", "prefix", "name"),
    [("labelsets", "labelset", "manifest"), ("streams", "stream", "request")],
)
def test_a_damaged_labelset_or_stream_can_be_deleted(
    client: httpx2.Client, store: Store, noun: str, prefix: str, name: str
) -> None:
    """They are no jobs, and have the same promise."""
    damaged = new_id(prefix)
    store.put(f"{keys.resource_prefix(DEFAULT_TENANT, noun, damaged)}/{name}.json", b"")
    assert ids(client, noun)[1] == [damaged]
    assert client.get(f"/v1/{noun}/{damaged}").json()["code"] == "record_damaged"
    assert client.delete(f"/v1/{noun}/{damaged}").status_code == 204
    assert client.get(f"/v1/{noun}/{damaged}").status_code == 410


def test_a_damaged_upload_can_be_deleted(client: httpx2.Client, store: Store) -> None:
    """It has no list and no tombstone."""
    damaged = new_id("upload")
    store.put(keys.manifest(DEFAULT_TENANT, "uploads", damaged), b"")
    assert client.delete(f"/v1/uploads/{damaged}").status_code == 204
    assert client.get(f"/v1/uploads/{damaged}").status_code == 404


def test_a_damaged_cancellation_cancels(client: httpx2.Client, fit_id: str, store: Store) -> None:
    """That it exists is the fact."""
    store.put(keys.job_cancel(JobRef(tenant=DEFAULT_TENANT, id=fit_id)), b"")
    assert client.get(f"/v1/fits/{fit_id}").json()["status"] == "cancelling"


def test_a_damaged_record_of_a_shard_is_made_again(
    client: httpx2.Client,
    stream_id: str,  # noqa: F811 - the fixture
    render: Callable[[str, int], object],  # noqa: F811 - the fixture
    store: Store,
    ledger: Ledger,
) -> None:
    """The shard is queued like one that was never rendered, and the worker replaces the record."""
    stream = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    record = render(stream_id, 0)
    store.put(keys.shard_record(stream, 0), b"")
    path = f"/v1/streams/{stream_id}/shards/0/record"
    assert client.get(path, params={"wait": 0}).json()["code"] == "shard_not_ready"
    item = STREAM_SHARDS.item(StreamShardRef(stream=stream, index=0))
    assert OnDemandLedger(ledger).claim_of(item) is not None
    assert records.create(store, keys.shard_record(stream, 0), record) == record  # type: ignore[type-var]
    assert client.get(path).status_code == 200
