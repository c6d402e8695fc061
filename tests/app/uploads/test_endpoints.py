"""Tests of `/v1/uploads`: the announced bytes are stored, or none."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.http.links import Links
from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.ids import new_id
from contracts.uploads import UploadManifest
from state import keys, records
from state.settings import Settings
from state.store import Store
from tests.app.conftest import SECRET

DATA = b"a checkpoint of some bytes" * 100


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a small upload limit."""
    return settings.model_copy(update={"max_checkpoint_bytes": 5_000})


def announce(client: httpx2.Client, data: bytes = DATA, key: str | None = None) -> httpx2.Response:
    """Announce an upload of these bytes."""
    body = {"num_bytes": len(data), "sha256": sha256_of(data)}
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/v1/uploads", json=body, headers=headers)


@pytest.fixture
def upload(client: httpx2.Client) -> dict[str, Any]:
    """An upload that is announced but not sent."""
    answer = announce(client)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def put(client: httpx2.Client, upload: dict[str, Any], data: bytes) -> httpx2.Response:
    """Send bytes to the upload's link."""
    return client.put(upload["put"]["url"], content=data)


def received(client: httpx2.Client, upload: dict[str, Any]) -> int:
    """Return the number of bytes that the service has received."""
    return int(client.get(upload["links"]["self"]).json()["received_bytes"])


def test_the_announced_bytes_are_stored(
    client: httpx2.Client, upload: dict[str, Any], store: Store
) -> None:
    """Bytes sent to the link by PUT are stored unchanged."""
    assert put(client, upload, DATA).status_code == 204
    assert received(client, upload) == len(DATA)
    (content,) = (one for one in store.list("tenants") if one.key.endswith("/content"))
    assert store.get(content.key) == DATA


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (DATA + b"!", "got more"),
        (DATA[:-1], "Send the whole file"),
        (DATA[:-1] + b"!", "sha256sum"),
    ],
)
def test_other_bytes_are_refused(
    client: httpx2.Client, upload: dict[str, Any], sent: bytes, message: str
) -> None:
    """More, fewer or different bytes are refused and not stored."""
    answer = put(client, upload, sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    assert message in answer.json()["detail"]
    assert received(client, upload) == 0


def test_an_announcement_has_a_limit(client: httpx2.Client) -> None:
    """A too large upload is refused before any byte is sent."""
    answer = announce(client, b"x" * 5_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_only_the_signed_link_accepts_bytes(client: httpx2.Client, upload: dict[str, Any]) -> None:
    """A forged link is refused, and so is one signed for downloading."""
    key = f"tenants/default/uploads/{upload['id']}/content"
    links = Links(str(client.base_url).rstrip("/"), Store.in_memory(), SECRET, timedelta(minutes=1))
    reading = links.file(Artefact(key=key, sha256="0" * 64, num_bytes=1)).url
    query = reading.partition("?")[2]
    named = query.replace("signature=", "signature=default.")
    for forged in ("expires=99999999999&signature=x", query, named):
        answer = client.put(f"/v1/uploads/{upload['id']}/content?{forged}", content=DATA)
        assert (answer.status_code, answer.json()["code"]) == (403, "invalid_link")


def test_a_link_names_its_tenant(client: httpx2.Client, settings: Settings, store: Store) -> None:
    """The link alone is enough, because it names its tenant; it is not valid for another one."""
    theirs = UploadManifest(
        tenant="another",
        id=new_id("upload"),
        created_at=now(),
        num_bytes=len(DATA),
        sha256=sha256_of(DATA),
    )
    records.write(store, keys.manifest(theirs.tenant, "uploads", theirs.id), theirs)
    base_url = str(client.base_url).rstrip("/")
    url = Links(base_url, store, SECRET, timedelta(minutes=1)).upload(theirs).url
    assert client.put(url.replace("another.", "default."), content=DATA).status_code == 403
    assert client.put(url, content=DATA).status_code == 204
    assert store.get(keys.upload_content("another", theirs.id)) == DATA


def test_a_repeated_announcement_returns_the_same_upload(client: httpx2.Client) -> None:
    """A request repeated with its Idempotency-Key creates no second upload."""
    first, second = (announce(client, key="once") for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["Idempotent-Replayed"] == "true"


def test_an_upload_serves_one_generator(client: httpx2.Client, upload: dict[str, Any]) -> None:
    """The end of the import deletes the bytes, so a second import of them is refused at once."""
    put(client, upload, DATA)
    body = {"name": "faces", "upload": upload["id"]}
    first, second = (client.post("/v1/generators", json=body) for _ in range(2))
    assert first.status_code == 202, first.text
    assert (second.status_code, second.json()["code"]) == (409, "upload_used")
    shown = client.get(upload["links"]["self"]).json()
    assert (shown["put"], shown["used_by"]) == (None, first.json()["id"])
    assert put(client, upload, DATA).json()["code"] == "upload_used"
    assert client.delete(upload["links"]["self"]).json()["code"] == "upload_used"


def test_an_upload_can_be_deleted(client: httpx2.Client, upload: dict[str, Any]) -> None:
    """Afterwards the upload is not found, and the message says how to announce another one."""
    put(client, upload, DATA)
    assert client.delete(upload["links"]["self"]).status_code == 204
    answer = client.get(upload["links"]["self"])
    assert answer.status_code == 404
    assert "POST /v1/uploads" in answer.json()["detail"]
