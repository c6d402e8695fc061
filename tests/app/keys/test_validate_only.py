"""`validate_only`: every create of the OpenAPI document has it, answers 200, and stores nothing."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest

from app.http.validation import PARAMETER
from contracts.digests import sha256_of
from state.ledger import Ledger
from state.store import Store
from tests.app.keys.walking import DOCUMENT
from tests.app.uploading import pairs, png, zipped

Json = dict[str, Any]

NOT_CREATES = (
    "cancel_",
    "stop_",
    "rotate_",
    "test_webhook",
    "redeliver",
    "deliver_",
    "create_report",
)
"""Operations by POST that create no resource."""
ARCHIVE = zipped({"a.png": png("RGB", (8, 8))})


def creates() -> Mapping[str, str]:
    """Return the path of each operation that creates a resource."""
    found = {
        methods["post"]["operationId"]: path
        for path, methods in DOCUMENT["paths"].items()
        if "post" in methods
    }
    return {name: path for name, path in found.items() if not name.startswith(NOT_CREATES)}


def test_every_create_has_the_parameter() -> None:
    """And answers 200 with another schema."""
    for path in creates().values():
        operation = DOCUMENT["paths"][path]["post"]
        assert PARAMETER in {one["name"] for one in operation["parameters"]}, path
        assert "Validation" in str(operation["responses"]["200"]) or "Check" in str(
            operation["responses"]["200"]
        ), path


@pytest.fixture
def bodies(
    client: httpx2.Client,
    finished_fit_id: str,
    labelset_id: str,
    body: Json,
    fail_batch: Callable[[str], None],
) -> dict[str, Json]:
    """Return the path and the content of a valid request of each create."""
    batch = client.post("/v1/batches", json={"fit": finished_fit_id, "n": 40, "shard_size": 16})
    fail_batch(batch.json()["id"])
    announced = {"num_bytes": len(ARCHIVE), "sha256": sha256_of(ARCHIVE)}
    upload = client.post("/v1/uploads", json=announced).json()
    client.put(upload["put"]["url"], content=ARCHIVE)
    labels = {"archive": ("labels.zip", zipped(pairs(3)))}
    fit = {"fit": finished_fit_id}
    return {
        "create_labelset": {"files": labels},
        "create_fit": {"json": {"generator": "tiny-32", "labelset": labelset_id}},
        "create_batch": {"json": {**fit, "n": 3}},
        "resume_batch": {"path": {"batch_id": batch.json()["id"]}},
        "create_stream": {"json": fit},
        "create_labeling": {"data": fit, "files": {"archive": ("a.zip", ARCHIVE)}},
        "create_generator": {"json": {"upload": upload["id"], "name": "x", "license": "MIT"}},
        "create_inverter": {"json": {}, "path": {"generator_id": "tiny-32"}},
        "create_evaluation": {"json": body},
        "create_upload": {"json": announced},
        "add_webhook": {"json": {"url": "https://example.com/hook"}},
        "issue_key": {"json": {"name": "x", "scopes": ["read"]}},
    }


def contents(store: Store) -> Mapping[str, str]:
    """Return the digest of every object except notes about usage: received bytes count, whatever becomes of them."""
    return {
        info.key: hashlib.sha256(store.get(info.key)).hexdigest()
        for info in store.list("")
        if "/usage/" not in info.key and not info.key.startswith("access/audit")
    }


def test_every_create_stores_nothing(
    client: httpx2.Client, bodies: dict[str, Json], store: Store, ledger: Ledger
) -> None:
    """A valid request is 200 with its resolved values; store and queues are as before."""
    assert set(bodies) == set(creates())
    before, queues = contents(store), sorted(ledger.redis.scan_iter("handsoff:admission:*"))
    for name, content in bodies.items():
        path = creates()[name].format(**content.pop("path", {}))
        answer = client.post(path, params={PARAMETER: True}, **content)
        assert answer.status_code == 200, (name, answer.text)
        assert "id" not in answer.json(), name
        if name != "create_labelset":
            assert answer.json()["resolved"], name
            assert not {"id", "links", "secret"} & set(answer.json()["resolved"]), name
        assert contents(store) == before, name
    assert sorted(ledger.redis.scan_iter("handsoff:admission:*")) == queues


def test_an_invalid_request_is_refused(client: httpx2.Client, finished_fit_id: str) -> None:
    """As without the parameter: with the flaws, before anything is stored."""
    body = {"fit": finished_fit_id, "n": 0}
    answer = client.post("/v1/batches", params={PARAMETER: True}, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/n")


def test_the_key_of_a_validation_stays_free(client: httpx2.Client, finished_fit_id: str) -> None:
    """An Idempotency-Key may be used for the create afterwards, and for another body."""
    headers = {"Idempotency-Key": "one"}
    body = {"fit": finished_fit_id, "n": 3}
    client.post("/v1/batches", params={PARAMETER: True}, json={**body, "n": 4}, headers=headers)
    assert client.post("/v1/batches", json=body, headers=headers).status_code == 202


def test_a_file_in_the_form_is_not_kept(
    client: httpx2.Client, finished_fit_id: str, store: Store
) -> None:
    """The images of a labeling are checked and dropped."""
    files = {"archive": ("a.zip", ARCHIVE)}
    answer = client.post(
        "/v1/labelings", params={PARAMETER: True}, data={"fit": finished_fit_id}, files=files
    )
    assert answer.json()["resolved"]["fit"]["id"] == finished_fit_id
    assert store.children("tenants/default/uploads") == ()


def test_the_estimate_of_a_job_says_what_it_rests_on(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """Without finished jobs it is a built-in guess. The created job has the same one, also later."""
    body = {"fit": finished_fit_id, "n": 100}
    checked = client.post("/v1/batches", params={PARAMETER: True}, json=body).json()["estimate"]
    assert (checked["num_jobs"], checked["device"]) == (0, None)
    assert checked["seconds"] > 0
    assert checked["num_bytes"] > 0
    made = client.post("/v1/batches", json=body).json()
    assert made["estimate"] == checked
    assert client.get(f"/v1/batches/{made['id']}").json()["estimate"] == checked
