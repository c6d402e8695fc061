"""Promises of `/v1/batches/{id}/export` over HTTP; the worker is played."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.batches import BatchManifest
from contracts.digests import sha256_of
from contracts.exports import ExportRecord, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobError, JobRef
from state import keys, records
from state.export_ledger import ExportLedger
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store

FinishBatch = Callable[[str], BatchManifest]
ZIP = b"a zip"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Archives of four samples at most."""
    return settings.model_copy(update={"max_export_samples": 4})


@pytest.fixture
def make_batch(client: httpx2.Client, finished_fit_id: str) -> Callable[[int], str]:
    """Asks for a batch of n samples with masks."""

    def make(n: int) -> str:
        answer = client.post("/v1/batches", json={"fit": finished_fit_id, "n": n})
        return str(answer.json()["id"])

    return make


@pytest.fixture
def batch_id(make_batch: Callable[[int], str], finish_batch: FinishBatch) -> str:
    """A batch of four samples that has succeeded."""
    made = make_batch(4)
    finish_batch(made)
    return made


@pytest.fixture
def coco(batch_id: str) -> ExportRef:
    """Its export as COCO."""
    return ExportRef(batch=JobRef(tenant=DEFAULT_TENANT, id=batch_id), format="coco")


def write_archive(store: Store, export: ExportRef) -> None:
    """What a worker leaves."""
    archive = Artefact(
        key=keys.export_zip(export, sha256_of(ZIP)), sha256=sha256_of(ZIP), num_bytes=len(ZIP)
    )
    store.put(archive.key, ZIP)
    made = ExportRecord(format=export.format, archive=archive, num_files=3, finished_at=now())
    records.create(store, keys.export_record(export), made)


def test_an_absent_export_is_queued_once_and_not_waited_for_in_the_request(
    client: httpx2.Client, coco: ExportRef, queued: Callable[[str], list[str]]
) -> None:
    """However many ask: 503 with Retry-After, as long as a worker is at it."""
    path = f"/v1/batches/{coco.batch.id}/export?format=coco&wait=0"
    answers = [client.get(path) for _ in range(2)]
    assert [answer.json()["code"] for answer in answers] == ["export_not_ready"] * 2
    assert answers[0].headers["Retry-After"] == "1"
    assert queued("cpu") == [f"{coco.batch.id}-export-coco-1"]


def test_an_export_is_read_by_its_link(
    client: httpx2.Client, store: Store, coco: ExportRef
) -> None:
    """307 to the archive; the record has its digest; it goes when the batch does."""
    write_archive(store, coco)
    path = f"/v1/batches/{coco.batch.id}/export"
    answer = client.get(f"{path}?format=coco")
    assert answer.status_code == 307
    assert client.get(answer.headers["Location"]).content == ZIP
    record = client.get(f"{path}/record?format=coco").json()
    assert (record["sha256"], record["num_files"]) == (sha256_of(ZIP), 3)
    client.delete(f"/v1/batches/{coco.batch.id}")
    assert client.get(f"{path}?format=coco").status_code == 410
    assert [found.key for found in store.list(keys.job_prefix(coco.batch))] == [
        keys.job_tombstone(coco.batch)
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [("pascal", "'coco', 'folder'"), ("yolo-pose", "of keypoints; those of")],
)
def test_a_format_that_is_unknown_or_does_not_fit_is_refused(
    client: httpx2.Client, batch_id: str, name: str, said: str
) -> None:
    """With what there is instead; nothing is queued."""
    answer = client.get(f"/v1/batches/{batch_id}/export?format={name}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert said in answer.json()["errors"][0]["detail"]


def test_instances_are_another_export(
    client: httpx2.Client, store: Store, coco: ExportRef, queued: Callable[[str], list[str]]
) -> None:
    """The archive of one is not the answer to the other; the record says which one it is."""
    write_archive(store, coco)
    path = f"/v1/batches/{coco.batch.id}/export/record?format=coco"
    assert client.get(path).json()["instances"] is False
    assert client.get(f"{path}&instances=true&wait=0").json()["code"] == "export_not_ready"
    assert queued("cpu") == [f"{coco.batch.id}-export-coco-instances-1"]
    write_archive(store, coco.model_copy(update={"instances": True}))
    assert client.get(f"{path}&instances=true").json()["instances"] is True


def test_instances_of_a_format_without_objects_are_refused(
    client: httpx2.Client, batch_id: str
) -> None:
    """With the formats that have them."""
    answer = client.get(f"/v1/batches/{batch_id}/export?format=voc&instances=true")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    (error,) = answer.json()["errors"]
    assert (error["pointer"], "coco or yolo-seg" in error["detail"]) == ("instances", True)


@pytest.mark.parametrize("wait", ["-1", "31"])
def test_a_wait_has_an_end(
    client: httpx2.Client, batch_id: str, queued: Callable[[str], list[str]], wait: str
) -> None:
    """30 seconds at most; a request that is refused has nothing made."""
    answer = client.get(f"/v1/batches/{batch_id}/export?format=coco&wait={wait}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "wait"
    assert queued("cpu") == []


def test_only_what_has_been_rendered_is_exported(
    client: httpx2.Client, make_batch: Callable[[int], str]
) -> None:
    """A batch that is not there, or not done, has no archive."""
    paths = [
        f"/v1/batches/{batch}/export?format=coco" for batch in (make_batch(1), new_id("batch"))
    ]
    answers = [client.get(path) for path in paths]
    assert [answer.json()["code"] for answer in answers] == ["not_rendered", "not_found"]


def test_a_batch_may_be_too_large(
    client: httpx2.Client, make_batch: Callable[[int], str], finish_batch: FinishBatch
) -> None:
    """Above the limit, the answer says how to do it on one's own machine."""
    batch_id = make_batch(5)
    finish_batch(batch_id)
    answer = client.get(f"/v1/batches/{batch_id}/export?format=coco")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "handsoff export" in answer.json()["detail"]


def test_what_could_not_be_made_is_told(
    client: httpx2.Client, ledger: Ledger, coco: ExportRef, queued: Callable[[str], list[str]]
) -> None:
    """With what the worker met, instead of an endless 503; it is not tried again by everybody who asks."""
    ExportLedger(ledger).fail(coco, JobError(code="input_missing", detail="A shard is gone."))
    answer = client.get(f"/v1/batches/{coco.batch.id}/export?format=coco")
    assert (answer.status_code, answer.json()["code"]) == (500, "export_failed")
    assert "A shard is gone." in answer.json()["detail"]
    assert queued("cpu") == []
