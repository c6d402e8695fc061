"""Exports over HTTP: made once for all requests, with a stand-in for the worker."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.batches import BatchManifest
from contracts.digests import sha256_of
from contracts.exports import ExportRecord, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobError, JobRef
from contracts.kinds import RETENTION
from state import keys, records
from state.ledger import Ledger
from state.on_demand import paths
from state.on_demand.kinds import EXPORTS
from state.on_demand.ledger import OnDemandLedger
from state.settings import Settings
from state.store import Store
from tests.app.streams.test_endpoints import until

FinishBatch = Callable[[str], BatchManifest]
ZIP = b"a zip"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Limit archives to four samples."""
    return settings.model_copy(update={"max_export_samples": 4})


@pytest.fixture
def make_batch(client: httpx2.Client, finished_fit_id: str) -> Callable[[int], str]:
    """Request a batch of n samples with masks."""

    def make(n: int) -> str:
        answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": n})
        return str(answer.json()["id"])

    return make


@pytest.fixture
def batch_id(make_batch: Callable[[int], str], finish_batch: FinishBatch) -> str:
    """Return a succeeded batch of four samples."""
    new = make_batch(4)
    finish_batch(new)
    return new


@pytest.fixture
def coco(batch_id: str) -> ExportRef:
    """Return its export as COCO."""
    return ExportRef(batch=JobRef(tenant=DEFAULT_TENANT, id=batch_id), format="coco")


def write_archive(store: Store, ledger: Ledger, export: ExportRef) -> None:
    """Store an archive and its record, and release the claim, as a worker does."""
    archive = Artefact(
        key=paths.export_zip(export, sha256_of(ZIP)), sha256=sha256_of(ZIP), num_bytes=len(ZIP)
    )
    store.put(archive.key, ZIP)
    record = ExportRecord(format=export.format, archive=archive, num_files=3, finished_at=now())
    records.create(store, paths.export_record(export), record)
    OnDemandLedger(ledger).release(EXPORTS.item(export))


def test_an_absent_export_is_queued_once(
    client: httpx2.Client, coco: ExportRef, queued: Callable[[str], list[str]]
) -> None:
    """Every request gets 503 with Retry-After until a worker has made it."""
    path = f"/v1/batches/{coco.batch.id}/export?format=coco&wait=0"
    answers = [client.get(path) for _ in range(2)]
    assert [answer.json()["code"] for answer in answers] == ["export_not_ready"] * 2
    assert answers[0].headers["Retry-After"] == "1"
    assert queued("cpu") == [f"{coco.batch.id}-export-coco-1"]


def test_requests_wait_for_one_export(
    client: httpx2.Client,
    store: Store,
    ledger: Ledger,
    coco: ExportRef,
    queued: Callable[[str], list[str]],
) -> None:
    """The same news wakes both, long before their next read of the store."""
    path = f"/v1/batches/{coco.batch.id}/export/record?format=coco&wait=30"
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.get, path) for _ in range(2)]
        until(lambda: bool(queued("cpu")))
        assert not any(answer.done() for answer in answers)
        write_archive(store, ledger, coco)
        assert [answer.result().json()["num_files"] for answer in answers] == [3, 3]
    assert len(queued("cpu")) == 1


def test_the_wait_for_a_deleted_batch_ends(
    client: httpx2.Client, coco: ExportRef, queued: Callable[[str], list[str]]
) -> None:
    """The request gets 410 instead of waiting for its time limit."""
    path = f"/v1/batches/{coco.batch.id}/export?format=coco&wait=30"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, path)
        until(lambda: bool(queued("cpu")))
        client.delete(f"/v1/batches/{coco.batch.id}")
        assert answer.result().status_code == 410


def test_an_export_is_read_by_its_link(
    client: httpx2.Client, store: Store, ledger: Ledger, coco: ExportRef
) -> None:
    """307 to the archive; the record has its digest; deleting the batch deletes it."""
    write_archive(store, ledger, coco)
    path = f"/v1/batches/{coco.batch.id}/export"
    answer = client.get(f"{path}?format=coco")
    assert answer.status_code == 307
    assert client.get(answer.headers["Location"]).content == ZIP
    record = client.get(f"{path}/record?format=coco").json()
    assert (record["sha256"], record["num_files"]) == (sha256_of(ZIP), 3)
    client.delete(f"/v1/batches/{coco.batch.id}")
    assert client.get(f"{path}?format=coco").status_code == 410
    assert [each.key for each in store.list(keys.job_prefix(coco.batch))] == [
        keys.job_tombstone(coco.batch)
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [("pascal", "'coco', 'folder'"), ("yolo-pose", "needs labels for keypoints")],
)
def test_an_unknown_or_unsuitable_format_is_refused(
    client: httpx2.Client, batch_id: str, name: str, message: str
) -> None:
    """The message lists the alternatives."""
    answer = client.get(f"/v1/batches/{batch_id}/export?format={name}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert message in answer.json()["errors"][0]["detail"]


def test_instances_are_another_export(
    client: httpx2.Client,
    store: Store,
    ledger: Ledger,
    coco: ExportRef,
    queued: Callable[[str], list[str]],
) -> None:
    """Each has its own archive; the record says which one it is."""
    write_archive(store, ledger, coco)
    path = f"/v1/batches/{coco.batch.id}/export/record?format=coco"
    assert client.get(path).json()["instances"] is False
    assert client.get(f"{path}&instances=true&wait=0").json()["code"] == "export_not_ready"
    assert queued("cpu") == [f"{coco.batch.id}-export-coco-instances-1"]
    write_archive(store, ledger, coco.model_copy(update={"instances": True}))
    assert client.get(f"{path}&instances=true").json()["instances"] is True


def test_instances_of_a_format_without_objects_are_refused(
    client: httpx2.Client, batch_id: str
) -> None:
    """The message lists the formats that have them."""
    answer = client.get(f"/v1/batches/{batch_id}/export?format=voc&instances=true")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    (error,) = answer.json()["errors"]
    assert (error["pointer"], "coco or yolo-seg" in error["detail"]) == ("instances", True)


@pytest.mark.parametrize("wait", ["-1", "31"])
def test_a_wait_is_limited(
    client: httpx2.Client, batch_id: str, queued: Callable[[str], list[str]], wait: str
) -> None:
    """30 seconds at most. A refused request queues nothing."""
    answer = client.get(f"/v1/batches/{batch_id}/export?format=coco&wait={wait}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "wait"
    assert queued("cpu") == []


def test_only_rendered_batches_are_exported(
    client: httpx2.Client, make_batch: Callable[[int], str]
) -> None:
    """An unfinished batch and an unknown one have no archive."""
    paths = [
        f"/v1/batches/{batch}/export?format=coco" for batch in (make_batch(1), new_id("batch"))
    ]
    answers = [client.get(path) for path in paths]
    assert [answer.json()["code"] for answer in answers] == ["not_rendered", "not_found"]


def test_a_large_batch_is_refused(
    client: httpx2.Client, make_batch: Callable[[int], str], finish_batch: FinishBatch
) -> None:
    """The message has the command that exports on the client's machine."""
    batch_id = make_batch(5)
    finish_batch(batch_id)
    answer = client.get(f"/v1/batches/{batch_id}/export?format=coco")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "handsoff export" in answer.json()["detail"]


def test_a_temporary_failure_of_an_export_is_503(
    client: httpx2.Client, ledger: Ledger, coco: ExportRef
) -> None:
    """The store was away, for example. `curl --retry` and the client ask again."""
    error = JobError(code="store_unavailable", detail="The store failed.", retryable=True)
    OnDemandLedger(ledger).fail(EXPORTS.item(coco), error, timedelta(seconds=20))
    answer = client.get(f"/v1/batches/{coco.batch.id}/export?format=coco")
    assert (answer.status_code, answer.json()["code"]) == (503, "export_failed")
    assert 0 < int(answer.headers["Retry-After"]) <= 20


def test_a_failed_export_is_a_problem(
    client: httpx2.Client, ledger: Ledger, coco: ExportRef, queued: Callable[[str], list[str]]
) -> None:
    """Each request gets the cause at once, and the export is not queued again."""
    error = JobError(code="input_missing", detail="A shard is gone.")
    OnDemandLedger(ledger).fail(EXPORTS.item(coco), error, RETENTION)
    answer = client.get(f"/v1/batches/{coco.batch.id}/export?format=coco")
    assert (answer.status_code, answer.json()["code"]) == (500, "export_failed")
    assert "A shard is gone." in answer.json()["detail"]
    assert queued("cpu") == []
