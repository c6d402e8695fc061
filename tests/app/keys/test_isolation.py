"""Tenants do not meet: in bodies, cursors, Idempotency-Keys, lists and links. They share the built-in generators."""

import json
from typing import Any

import httpx2
import pytest

from contracts.base import now
from contracts.digests import sha256_of
from contracts.generators.generator import StoredGenerator, StoredInverter
from contracts.ids import DEFAULT_TENANT
from state import keys, records
from state.store import Store
from tests.app.keys.conftest import Headers
from tests.app.uploading import as_form, pairs

DATA = b"a file"


def announce(client: httpx2.Client, headers: Headers) -> dict[str, Any]:
    """Announce an upload of `DATA`."""
    body = {"num_bytes": len(DATA), "sha256": sha256_of(DATA)}
    answer = client.post("/v1/uploads", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("fits", {"labelset": "labelset", "generator": "tiny-32"}),
        ("batches", {"fit": "fit", "n": 1}),
        ("streams", {"fit": "fit"}),
        ("labelings", {"fit": "fit", "upload": "upload"}),
        ("evaluations", {"fit": "fit", "heldout_labelset": "labelset"}),
        ("generators", {"upload": "upload", "name": "x"}),
    ],
)
def test_a_body_cannot_name_another_tenants_resource(
    *,
    client: httpx2.Client,
    labelset_id: str,
    finished_fit_id: str,
    bob: Headers,
    path: str,
    fields: dict[str, Any],
) -> None:
    """The answer is the one for an id that never existed."""
    own = {"labelset": labelset_id, "fit": finished_fit_id, "upload": announce(client, {})["id"]}
    body = {name: own.get(value, value) for name, value in fields.items()}
    answer = client.post(f"/v1/{path}", json=body, headers=bob)
    assert answer.status_code == 422, answer.text
    assert "does not exist" in answer.text


def test_a_cursor_belongs_to_its_tenant(
    client: httpx2.Client, bob: Headers, stream_id: str, finished_fit_id: str
) -> None:
    """Another tenant's `next_cursor` is refused."""
    client.post("/v1/streams", json={"fit": finished_fit_id, "seed": 8})
    cursor = client.get("/v1/streams?limit=1").json()["next_cursor"]
    refused = client.get("/v1/streams", params={"limit": 1, "after": cursor}, headers=bob)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")
    assert client.get("/v1/streams", params={"after": cursor}).json()["items"][0]["id"] == stream_id


def test_an_idempotency_key_belongs_to_its_tenant(client: httpx2.Client, bob: Headers) -> None:
    """Both may use the same one."""
    same = {"Idempotency-Key": "same"}
    assert announce(client, same)["id"] != announce(client, same | bob)["id"]


def test_a_fit_of_files_belongs_to_its_tenant(client: httpx2.Client, bob: Headers) -> None:
    """So do its labelset and its Idempotency-Key: each tenant makes both."""
    request: dict[str, Any] = {
        "data": {"fit": '{"generator": "tiny-32"}'},
        "files": as_form(pairs(1)),
    }
    own, foreign = (
        client.post("/v1/fits", headers={"Idempotency-Key": "same"} | key, **request).json()
        for key in ({}, bob)
    )
    assert own["labelset"]["id"] != foreign["labelset"]["id"]
    for headers, hidden in (({}, foreign), (bob, own)):
        assert client.get(f"/v1/fits/{hidden['id']}", headers=headers).status_code == 404
        path = f"/v1/labelsets/{hidden['labelset']['id']}"
        assert client.get(path, headers=headers).status_code == 404


def test_a_fit_of_files_cannot_name_another_tenants_labelset(
    client: httpx2.Client, labelset_id: str, bob: Headers
) -> None:
    """The refused request of the other tenant stores nothing."""
    fit = json.dumps({"generator": "tiny-32", "validation_labelset": labelset_id})
    answer = client.post("/v1/fits", data={"fit": fit}, files=as_form(pairs(1)), headers=bob)
    assert (answer.status_code, "does not exist" in answer.text) == (422, True)
    assert client.get("/v1/labelsets", headers=bob).json()["items"] == []


@pytest.mark.parametrize(
    "noun",
    ["labelsets", "fits", "batches", "streams", "labelings", "evaluations", "inverters", "keys"],
)
def test_lists_have_only_own_resources(
    client: httpx2.Client, bob: Headers, labelset_id: str, stream_id: str, noun: str
) -> None:
    """A new tenant sees none but its own key."""
    listed = client.get(f"/v1/{noun}", headers=bob).json()["items"]
    assert [item["tenant"] for item in listed] == (["bob"] if noun == "keys" else [])


def test_links_work_without_a_key(client: httpx2.Client) -> None:
    """The upload link of the app and the download link name their tenant."""
    url = announce(client, {})["put"]["url"]
    client.headers.pop("Authorization")
    assert client.put(url, content=DATA).status_code == 204
    assert client.put(url.replace(DEFAULT_TENANT, "bob"), content=DATA).status_code == 403


def test_built_in_generators_are_shared(
    client: httpx2.Client, bob: Headers, generator: StoredGenerator
) -> None:
    """Every tenant finds, lists and cannot delete them, and sees only published inverters."""
    path = f"/v1/generators/{generator.id}"
    assert client.get(path, headers=bob).json()["id"] == generator.id
    listed = client.get("/v1/generators", headers=bob).json()["items"]
    assert [item["id"] for item in listed] == [generator.id]
    assert client.delete(path, headers=bob).json()["code"] == "built_in"
    assert client.get(f"{path}/events", headers=bob).json()["items"] == []


def test_a_damaged_built_in_generator_stays(
    client: httpx2.Client, bob: Headers, store: Store
) -> None:
    """A tenant cannot delete what the others use, whatever its record is."""
    store.put(f"tenants/{DEFAULT_TENANT}/generators/tiny-32/request.json", b"{")
    assert client.delete("/v1/generators/tiny-32", headers=bob).json()["code"] == "built_in"


def test_inverters_of_a_tenant_stay_its_own(
    client: httpx2.Client, bob: Headers, store: Store, generator: StoredGenerator
) -> None:
    """One that was trained for a built-in generator is used by its tenant; one that was published is used by all."""
    trained = client.get("/v1/generators/tiny-32").json()["inverters"]
    assert len(trained) == 1
    assert client.get("/v1/generators/tiny-32", headers=bob).json()["inverters"] == []
    published = StoredInverter(
        generator_digest=generator.digest,
        digest=sha256_of(b"published"),
        created_at=now(),
        weights=generator.weights,
        is_built_in=True,
    )
    own = published.model_copy(update={"digest": sha256_of(b"own"), "is_built_in": False})
    for tenant, inverter in ((DEFAULT_TENANT, published), ("bob", own)):
        records.write(store, keys.inverter(tenant, generator.id, inverter.digest), inverter)
    of_bob = client.get("/v1/generators/tiny-32", headers=bob).json()["inverters"]
    assert {each["digest"] for each in of_bob} == {published.digest, own.digest}


def test_a_tenant_trains_an_inverter_of_a_built_in_generator(
    client: httpx2.Client, bob: Headers
) -> None:
    """The training belongs to the tenant."""
    created = client.post("/v1/generators/tiny-32/inverters", json={}, headers=bob)
    assert created.status_code == 202, created.text
    path = f"/v1/inverters/{created.json()['id']}"
    assert client.get(path, headers=bob).status_code == 200
    assert client.get(path).status_code == 404
    assert client.get("/v1/generators/tiny-32/inverters").json()["items"] == []
