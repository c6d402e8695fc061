"""Promises of `/v1/generators`: taking checkpoints in, showing generators, deleting them."""

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

DATA = b"a checkpoint"
FILE = {"file": ("faces.pkl", DATA)}
FORM = {"name": "faces", "license": "CC BY-NC 4.0"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Limits small enough to pass."""
    return settings.model_copy(update={"max_checkpoint_bytes": 100, "max_json_bytes": 1_000})


@pytest.fixture
def imported(client: httpx2.Client) -> JobRef:
    """A generator whose import waits for a worker."""
    answer = client.post("/v1/generators", files=FILE, data=FORM)
    assert answer.status_code == 202, answer.text
    return JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])


@pytest.fixture
def end(
    store: Store, ledger: Ledger, generator: StoredGenerator
) -> Callable[[JobRef], StoredGenerator]:
    """Ends an import well, as a worker would."""

    def finish(ref: JobRef) -> StoredGenerator:
        store.put("sheet", b"a picture")
        sheet = Artefact(key="sheet", sha256=sha256_of(b"a picture"), num_bytes=9)
        own = {"id": ref.id, "sheet": sheet, "warnings": ("its mean w was measured",)}
        made = generator.model_copy(update=own)
        outcome = GeneratorManifest(
            status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), generator=made
        )
        records.finish(store, ledger, ref, outcome)
        return made

    return finish


def test_a_generator_shows_its_size_and_inverters(
    client: httpx2.Client, generator: StoredGenerator
) -> None:
    """Whoever makes a fit can see what images it needs and which inverter it would start from."""
    shown = client.get("/v1/generators/tiny-32").json()
    assert (shown["height_px"], shown["width_px"], shown["num_ws"]) == (32, 32, 8)
    assert (shown["digest"], shown["status"]) == (generator.digest, "succeeded")
    assert len(shown["inverters"]) == 1


def test_an_unknown_generator_is_not_found(client: httpx2.Client) -> None:
    """The answer says where to look."""
    answer = client.get("/v1/generators/nope")
    assert answer.status_code == 404
    assert "/v1/generators" in answer.json()["detail"]


def test_a_checkpoint_is_taken_in_and_queued(
    client: httpx2.Client, imported: JobRef, store: Store, queued: Callable[[str], list[str]]
) -> None:
    """The file lies in the store, pinned by its digest, and one import of it is queued on the CPUs."""
    request = records.read_request(store, imported, GeneratorRequest)
    assert request is not None
    assert request.original is not None
    assert request.original.sha256 == sha256_of(DATA) == sha256_of(store.get(request.original.key))
    assert queued("cpu") == [f"{imported.id}-1"]
    shown = client.get(f"/v1/generators/{imported.id}").json()
    assert (shown["status"], shown["queue_position"], shown["digest"]) == ("queued", 0, None)
    assert (shown["name"], shown["license"]) == ("faces", "CC BY-NC 4.0")
    assert shown["source"] == "uploaded as faces.pkl"


@pytest.mark.parametrize("spelling", ["license", "licence"])
def test_both_spellings_of_license_are_accepted(client: httpx2.Client, spelling: str) -> None:
    """`licence` of version 0.1 is read, and returned as `license`."""
    form = {"name": "faces", spelling: "MIT"}
    answer = client.post("/v1/generators", files=FILE, data=form)
    assert answer.status_code == 202, answer.text
    assert answer.json()["license"] == "MIT"
    assert "licence" not in answer.json()


def test_the_same_upload_again_is_the_same_generator(
    client: httpx2.Client, queued: Callable[[str], list[str]]
) -> None:
    """A client that repeats itself after a lost answer makes one generator; another file is refused."""
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
    ("content", "status", "said"),
    [
        ({"data": FORM, "files": {"other": b"x"}}, 422, "file=@"),
        ({"data": {"name": ""}, "files": FILE}, 422, "/name"),
        ({"data": {"name": "a", "color": "b"}, "files": FILE}, 422, "/color"),
        ({"data": FORM, "files": {"file": ("x.pkl", b"")}}, 422, "The file is empty"),
        ({"data": FORM, "files": {"file": ("x.pkl", b"x" * 101)}}, 413, "at most 100"),
        ({"json": {"name": "faces"}}, 422, "/upload"),
        ({"json": {"name": "x" * 2_000}}, 413, "1000 bytes"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "not valid JSON"),
        ({"content": DATA}, 422, "curl -F file=@"),
    ],
)
def test_a_bad_request_is_told_its_mend(
    client: httpx2.Client, store: Store, content: dict[str, Any], status: int, said: str
) -> None:
    """Each refusal says what to send, and nothing is stored."""
    before = list(store.list("tenants"))
    answer = client.post("/v1/generators", **content)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert list(store.list("tenants")) == before


def test_an_upload_must_be_complete(client: httpx2.Client) -> None:
    """What was announced and not sent cannot be imported; what was never announced neither."""
    announced = client.post("/v1/uploads", json={"num_bytes": 9, "sha256": "0" * 64}).json()
    answer = client.post("/v1/generators", json={"name": "a", "upload": announced["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")
    assert "Expected 9 bytes" in answer.json()["detail"]
    answer = client.post("/v1/generators", json={"name": "a", "upload": new_id("upload")})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/upload")


def test_more_than_was_announced_is_not_imported(client: httpx2.Client, store: Store) -> None:
    """A store that signs takes whatever is sent; the size is checked before anything is queued."""
    announced = client.post("/v1/uploads", json={"num_bytes": 9, "sha256": "0" * 64}).json()
    key = keys.upload_content(DEFAULT_TENANT, announced["id"])
    store.put(key, b"ten bytes!")
    answer = client.post("/v1/generators", json={"name": "a", "upload": announced["id"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    assert store.head(key) is None


def test_an_imported_generator_shows_its_sheet(
    client: httpx2.Client, imported: JobRef, end: Callable[[JobRef], StoredGenerator]
) -> None:
    """Once it is there, so are its network, its warnings and a picture of what it makes."""
    made = end(imported)
    shown = client.get(f"/v1/generators/{imported.id}").json()
    assert (shown["status"], shown["digest"]) == ("succeeded", made.digest)
    assert shown["warnings"] == ["its mean w was measured"]
    assert shown["has_discriminator"] is False
    assert client.get(shown["sheet"]["url"]).content == b"a picture"
    listed = client.get("/v1/generators").json()["items"]
    assert [one["id"] for one in listed] == ["tiny-32", imported.id]


def test_a_generator_is_fitted_once_it_is_there(
    client: httpx2.Client,
    imported: JobRef,
    labelset_id: str,
    end: Callable[[JobRef], StoredGenerator],
) -> None:
    """Before that a fit is refused, and the answer says where to look; after it the id is as good as a name."""
    body = {"generator": imported.id, "labelset": labelset_id}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "generator_not_ready")
    assert f"/v1/generators/{imported.id}" in answer.json()["detail"]
    end(imported)
    fit = client.post("/v1/fits", json=body)
    assert (fit.status_code, fit.json()["inverter_digest"]) == (202, None)


def test_a_refused_checkpoint_says_why(
    client: httpx2.Client, imported: JobRef, store: Store, ledger: Ledger
) -> None:
    """The import has failed for good, in the reader's own words."""
    error = JobError(code=InvalidCheckpoint.code, detail="This is StyleGAN3.")
    ended = records.ended_without_result(GeneratorManifest, JobStatus.FAILED, None, error)
    records.finish(store, ledger, imported, ended)
    shown = client.get(f"/v1/generators/{imported.id}").json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "invalid_checkpoint")
    assert shown["error"]["retryable"] is False
    assert client.get("/v1/generators?status=failed").json()["items"][0]["id"] == imported.id


def test_an_import_is_cancelled_like_any_job(client: httpx2.Client, imported: JobRef) -> None:
    """It is stopping until a worker ends it, and tells so in its events."""
    answer = client.post(f"/v1/generators/{imported.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    events = client.get(f"/v1/generators/{imported.id}/events").json()["items"]
    assert [event["data"]["status"] for event in events] == ["queued", "cancelling"]


def test_a_deleted_generator_is_gone(
    client: httpx2.Client,
    imported: JobRef,
    store: Store,
    end: Callable[[JobRef], StoredGenerator],
) -> None:
    """Its tombstone is all that is left; one that comes with the service stays."""
    path = f"/v1/generators/{imported.id}"
    assert client.delete(path).json()["code"] == "job_not_finished"
    end(imported)
    assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
    assert client.get(path).status_code == 410
    left = [found.key for found in store.list(keys.job_prefix(imported))]
    assert left == [keys.job_tombstone(imported)]
    answer = client.delete("/v1/generators/tiny-32")
    assert (answer.status_code, answer.json()["code"]) == (409, "built_in")
