"""Generators over HTTP: import checkpoints, get, list and delete generators."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.errors.jobs import InvalidCheckpoint
from contracts.generators.generator import GeneratorManifest, GeneratorRequest, StoredGenerator
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobError, JobRef, JobStatus
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from state.usage import paths as usage_paths

DATA = b"a checkpoint"
FILE = {"file": ("faces.pkl", DATA)}
FORM = {"name": "faces", "license": "CC BY-NC 4.0"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with small limits."""
    return settings.model_copy(update={"max_checkpoint_bytes": 100, "max_json_bytes": 1_000})


@pytest.fixture
def imported(client: httpx2.Client) -> JobRef:
    """Return a generator whose import is queued."""
    answer = client.post("/v1/generators", files=FILE, data=FORM)
    assert answer.status_code == 202, answer.text
    return JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])


@pytest.fixture
def finish(
    store: Store, ledger: Ledger, generator: StoredGenerator
) -> Callable[[JobRef], StoredGenerator]:
    """Return a function that finishes an import as a worker does."""

    def finish(ref: JobRef) -> StoredGenerator:
        store.put("tenants/default/sheet", b"a picture")
        sheet = Artefact(key="tenants/default/sheet", sha256=sha256_of(b"a picture"), num_bytes=9)
        fields = {"id": ref.id, "sheet": sheet, "warnings": ("its mean w was measured",)}
        stored = generator.model_copy(update=fields)
        manifest = GeneratorManifest(
            status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), generator=stored
        )
        records.finish(store, ledger, ref, manifest)
        return stored

    return finish


def test_a_generator_shows_its_size_and_inverters(
    client: httpx2.Client, generator: StoredGenerator
) -> None:
    """The size is that of a fit's images; the first inverter is the default of a fit."""
    shown = client.get("/v1/generators/tiny-32").json()
    assert (shown["height_px"], shown["width_px"], shown["num_ws"]) == (32, 32, 8)
    assert (shown["digest"], shown["status"]) == (generator.digest, "succeeded")
    assert len(shown["inverters"]) == 1


def test_an_unknown_generator_is_not_found(client: httpx2.Client) -> None:
    """The message names the route that lists generators."""
    answer = client.get("/v1/generators/nope")
    assert answer.status_code == 404
    assert "/v1/generators" in answer.json()["detail"]


def test_a_checkpoint_is_stored_and_its_import_queued(
    client: httpx2.Client, imported: JobRef, store: Store, queued: Callable[[str], list[str]]
) -> None:
    """The request pins the stored file by digest. One import is in the queue for CPUs."""
    request = records.read_request(store, imported, GeneratorRequest)
    assert request is not None
    assert request.original is not None
    assert request.original.sha256 == sha256_of(DATA) == sha256_of(store.get(request.original.key))
    assert queued("cpu") == [f"{imported.id}-1"]
    shown = client.get(f"/v1/generators/{imported.id}").json()
    assert (shown["status"], shown["queue_position"], shown["digest"]) == ("queued", 0, None)
    assert (shown["name"], shown["license"]) == ("faces", "CC BY-NC 4.0")
    assert shown["source"] == "uploaded as faces.pkl"


def test_import_options_are_kept_for_the_worker(client: httpx2.Client, store: Store) -> None:
    """They are one field of JSON in a form; the request has them as they were sent."""
    options = {"attention_order": "qkv_major", "px": 64}
    form = {**FORM, "import_options": json.dumps(options)}
    answer = client.post("/v1/generators", files=FILE, data=form)
    assert answer.status_code == 202, answer.text
    ref = JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])
    request = records.read_request(store, ref, GeneratorRequest)
    assert request is not None
    assert request.import_options is not None
    assert request.import_options.model_dump(exclude_none=True) == options


@pytest.mark.parametrize("spelling", ["license", "licence"])
def test_both_spellings_of_license_are_accepted(client: httpx2.Client, spelling: str) -> None:
    """`licence`, as in version 0.1, is accepted and returned as `license`."""
    form = {"name": "faces", spelling: "MIT"}
    answer = client.post("/v1/generators", files=FILE, data=form)
    assert answer.status_code == 202, answer.text
    assert answer.json()["license"] == "MIT"
    assert "licence" not in answer.json()


def test_the_same_key_creates_one_generator(
    client: httpx2.Client, queued: Callable[[str], list[str]]
) -> None:
    """A create whose response was lost can be repeated; the same key with another file is refused."""
    key = {"Idempotency-Key": "once"}
    first, second = (
        client.post("/v1/generators", files=FILE, data=FORM, headers=key) for _ in range(2)
    )
    assert first.json() == second.json()
    assert len(queued("cpu")) == 1
    other = {"file": ("faces.pkl", b"another")}
    answer = client.post("/v1/generators", files=other, data=FORM, headers=key)
    assert answer.json()["code"] == "idempotency_mismatch"


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ({"data": FORM, "files": {"other": b"x"}}, 422, "file=@"),
        ({"data": {"name": ""}, "files": FILE}, 422, "/name"),
        ({"data": {"name": "a", "color": "b"}, "files": FILE}, 422, "/color"),
        ({"data": FORM, "files": {"file": ("x.pkl", b"")}}, 422, "an empty file"),
        ({"data": FORM, "files": {"file": ("x.pkl", b"x" * 101)}}, 413, "at most 100"),
        ({"json": {"name": "faces"}}, 422, "/upload"),
        ({"data": {**FORM, "import_options": "px=64"}, "files": FILE}, 422, "/import_options"),
        ({"data": {**FORM, "import_options": '{"pix": 64}'}, "files": FILE}, 422, "pix"),
        ({"data": {**FORM, "import_options": '{"px": 7}'}, "files": FILE}, 422, "px"),
        ({"json": {"name": "x" * 2_000}}, 413, "1000 bytes"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "not valid JSON"),
        ({"content": DATA}, 422, "curl -F file=@"),
    ],
)
def test_an_invalid_request_is_refused(
    client: httpx2.Client, store: Store, content: dict[str, Any], status: int, message: str
) -> None:
    """The error says what to send, and nothing is stored but the usage: the bytes were received."""
    before = list(store.list("tenants"))
    answer = client.post("/v1/generators", **content)
    assert answer.status_code == status, answer.text
    assert message in answer.text
    usage = usage_paths.prefix(DEFAULT_TENANT)
    assert [one for one in store.list("tenants") if not one.key.startswith(usage)] == before


def test_an_upload_must_be_complete(client: httpx2.Client) -> None:
    """Neither an incomplete nor an unknown upload can be imported."""
    announced = client.post("/v1/uploads", json={"num_bytes": 9, "sha256": "0" * 64}).json()
    answer = client.post("/v1/generators", json={"name": "a", "upload": announced["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")
    assert "Expected 9 bytes" in answer.json()["detail"]
    answer = client.post("/v1/generators", json={"name": "a", "upload": new_id("upload")})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/upload")


def test_an_upload_that_is_too_large_is_not_imported(client: httpx2.Client, store: Store) -> None:
    """A store that signs links accepts any size. The app checks it before it queues the import."""
    announced = client.post("/v1/uploads", json={"num_bytes": 9, "sha256": "0" * 64}).json()
    key = keys.upload_content(DEFAULT_TENANT, announced["id"])
    store.put(key, b"ten bytes!")
    answer = client.post("/v1/generators", json={"name": "a", "upload": announced["id"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    assert store.head(key) is None


def test_an_imported_generator_shows_its_sheet(
    client: httpx2.Client, imported: JobRef, finish: Callable[[JobRef], StoredGenerator]
) -> None:
    """It also has its network and its warnings."""
    stored = finish(imported)
    shown = client.get(f"/v1/generators/{imported.id}").json()
    assert (shown["status"], shown["digest"]) == ("succeeded", stored.digest)
    assert shown["warnings"] == ["its mean w was measured"]
    assert shown["has_discriminator"] is False
    assert client.get(shown["sheet"]["url"]).content == b"a picture"
    listed = client.get("/v1/generators").json()["items"]
    assert [item["id"] for item in listed] == ["tiny-32", imported.id]


def test_a_fit_needs_an_imported_generator(
    client: httpx2.Client,
    imported: JobRef,
    labelset_id: str,
    finish: Callable[[JobRef], StoredGenerator],
) -> None:
    """A fit is refused before the import has succeeded; the error has the address of the import."""
    body = {"generator": imported.id, "labelset": labelset_id}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "generator_not_ready")
    assert f"/v1/generators/{imported.id}" in answer.json()["detail"]
    finish(imported)
    fit = client.post("/v1/fits", json=body)
    assert (fit.status_code, fit.json()["inverter_digest"]) == (202, None)


def test_a_refused_checkpoint_has_an_error(
    client: httpx2.Client, imported: JobRef, store: Store, ledger: Ledger
) -> None:
    """The import has failed with the error of the reader, and cannot be retried."""
    error = JobError(code=InvalidCheckpoint.code, detail="This is StyleGAN3.")
    ended = records.ended_without_result(GeneratorManifest, JobStatus.FAILED, None, error)
    records.finish(store, ledger, imported, ended)
    shown = client.get(f"/v1/generators/{imported.id}").json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "invalid_checkpoint")
    assert shown["error"]["retryable"] is False
    assert client.get("/v1/generators?status=failed").json()["items"][0]["id"] == imported.id


def test_an_import_can_be_cancelled(client: httpx2.Client, imported: JobRef) -> None:
    """It is cancelling until a worker ends it; the events say so."""
    answer = client.post(f"/v1/generators/{imported.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    events = client.get(f"/v1/generators/{imported.id}/events").json()["items"]
    assert [event["data"]["status"] for event in events] == ["queued", "cancelling"]


def test_a_deleted_generator_is_gone(
    client: httpx2.Client,
    imported: JobRef,
    store: Store,
    finish: Callable[[JobRef], StoredGenerator],
) -> None:
    """Only its tombstone remains. A built-in generator cannot be deleted."""
    path = f"/v1/generators/{imported.id}"
    assert client.delete(path).json()["code"] == "job_not_finished"
    finish(imported)
    assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
    assert client.get(path).status_code == 410
    remaining = [info.key for info in store.list(keys.job_prefix(imported))]
    assert remaining == [keys.job_tombstone(imported)]
    answer = client.delete("/v1/generators/tiny-32")
    assert (answer.status_code, answer.json()["code"]) == (409, "built_in")
