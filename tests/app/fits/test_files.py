"""Fits of files in the same request: `POST /v1/fits` with a form stores the labelset and the fit, or neither."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from contracts.errors.tree import StoreUnavailable
from contracts.fits.fit import FitRequest
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from state import keys, records
from state.settings import Settings
from state.store import Store
from tests.app.uploading import SCHEMA, as_form, halves, pairs, png

Json = dict[str, Any]
ONCE = {"Idempotency-Key": "once"}
FORM = as_form(pairs(2))
"""Two images in an archive. It is packed once, because a zip has the time of its packing."""


class LosingStore(Store):
    """A store in memory that may fail to store the request of a job."""

    is_failing = False

    def create(self, key: str, data: bytes) -> bool:
        """Store an object, or fail."""
        if LosingStore.is_failing and key.endswith("request.json"):
            raise StoreUnavailable("The store is away.")
        return super().create(key, data)


@pytest.fixture
def store() -> Iterator[Store]:
    """Return a store that may fail during the test."""
    yield LosingStore.in_memory()
    LosingStore.is_failing = False


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with small limits."""
    return settings.model_copy(update={"max_labelset_images": 3, "max_json_bytes": 2_000})


def send(
    client: httpx2.Client,
    *,
    files: Any = None,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    **fields: object,
) -> httpx2.Response:
    """Create a fit of two images in an archive, or of other files. `fields` are those of the part `fit`."""
    data = {"fit": json.dumps({"generator": "tiny-32"} | fields)}
    form = FORM if files is None else files
    return client.post("/v1/fits", data=data, files=form, headers=headers, params=params)


def stored(store: Store) -> list[str]:
    """Return the keys of all objects of labelsets and fits."""
    prefixes = (keys.noun_prefix(DEFAULT_TENANT, noun) for noun in ("labelsets", "fits"))
    return [info.key for prefix in prefixes for info in store.list(prefix)]


def listed(client: httpx2.Client, noun: str) -> list[Json]:
    """Return the resources of the first page of a list."""
    items: list[Json] = client.get(f"/v1/{noun}").json()["items"]
    return items


def test_files_become_a_labelset_and_a_fit(
    client: httpx2.Client, store: Store, queued: Callable[[str], list[str]]
) -> None:
    """The fit is queued and pins the labelset, which is listed as if it was uploaded."""
    answer = send(client, seed=7, name="heads")
    assert answer.status_code == 202, answer.text
    fit, (labelset,) = answer.json(), listed(client, "labelsets")
    assert fit["labelset"] == {"id": labelset["id"], "digest": labelset["digest"]}
    assert (fit["seed"], fit["name"], labelset["num_images"]) == (7, "heads", 2)
    assert queued("fit") == [f"{fit['id']}-1"]
    request = records.read_request(store, JobRef(tenant=DEFAULT_TENANT, id=fit["id"]), FitRequest)
    assert request is not None
    assert request.labelset.id == labelset["id"]


def test_the_files_are_those_of_a_labelset(client: httpx2.Client) -> None:
    """Single files with a schema are stored as `POST /v1/labelsets` stores them."""
    files: Any = [
        ("images", ("a.png", png("RGB", (32, 32)))),
        ("masks", ("a.png", halves((32, 32), 1))),
        ("schema", (None, json.dumps(SCHEMA))),
    ]
    fit = send(client, files=files).json()
    uploaded = client.post("/v1/labelsets", files=files).json()
    assert fit["labelset"]["digest"] == uploaded["digest"]
    assert fit["labels"]["classes"] == SCHEMA["classes"]


def test_a_repeated_request_creates_nothing_twice(
    client: httpx2.Client, queued: Callable[[str], list[str]]
) -> None:
    """One Idempotency-Key covers the labelset and the fit."""
    first, second = send(client, headers=ONCE), send(client, headers=ONCE)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert (len(listed(client, "fits")), len(listed(client, "labelsets"))) == (1, 1)
    assert len(queued("fit")) == 1


@pytest.mark.parametrize("change", ["files", "fields"])
def test_another_request_with_the_key_is_refused(client: httpx2.Client, change: str) -> None:
    """The fingerprint covers the files and the fields of the fit."""
    send(client, headers=ONCE)
    changed = {"files": as_form(pairs(1))} if change == "files" else {"seed": 1}
    answer = send(client, headers=ONCE, **changed)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert len(listed(client, "labelsets")) == 1


def test_a_failure_between_the_two_is_repaired_by_a_retry(client: httpx2.Client) -> None:
    """The repeated request uses the labelset that the first one stored."""
    LosingStore.is_failing = True
    assert send(client, headers=ONCE).status_code == 503
    LosingStore.is_failing = False
    (labelset,) = listed(client, "labelsets")
    assert listed(client, "fits") == []
    answer = send(client, headers=ONCE)
    assert answer.status_code == 202, answer.text
    assert answer.json()["labelset"]["id"] == labelset["id"]
    assert len(listed(client, "labelsets")) == 1


def test_the_labelset_of_a_failure_is_for_the_same_request(client: httpx2.Client) -> None:
    """Other files with the same key are refused, although there is no fit yet."""
    LosingStore.is_failing = True
    send(client, headers=ONCE)
    LosingStore.is_failing = False
    answer = send(client, headers=ONCE, files=as_form(pairs(1)))
    assert answer.json()["code"] == "idempotency_mismatch"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"generator": "nope"}, "/generator"),
        ({"inverter": "0" * 64}, "/inverter"),
        ({"validation_labelset": new_id("labelset").replace("7", "8")}, "/validation_labelset"),
        ({"options": {"tasks": ["depth"]}}, "/options/tasks"),
        ({"options": {"inversion": {"steps": 0}}}, "/options/inversion/steps"),
        ({"labelset": "labelset_" + "0" * 32}, "/labelset"),
    ],
    ids=["generator", "inverter", "validation", "tasks", "steps", "labelset"],
)
def test_a_refused_fit_stores_nothing(
    client: httpx2.Client, store: Store, fields: Json, pointer: str
) -> None:
    """Neither the labelset nor the fit; the flaw names the field as in a JSON body."""
    answer = send(client, **fields)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert stored(store) == []


@pytest.mark.parametrize(
    ("files", "pointer"),
    [
        (as_form(pairs(1, size=(32, 24))), "/archive"),
        (
            [
                ("images", ("a.png", png("RGB", (32, 24)))),
                ("masks", ("a.png", halves((32, 24), 1))),
                ("schema", (None, json.dumps(SCHEMA))),
            ],
            "/images",
        ),
    ],
    ids=["archive", "files"],
)
def test_images_that_do_not_fit_the_generator_are_not_stored(
    client: httpx2.Client, store: Store, files: Any, pointer: str
) -> None:
    """The decoded images are compared with the generator before they are stored."""
    (flaw,) = send(client, files=files).json()["errors"]
    assert (flaw["pointer"], "of the upload is 32 x 24" in flaw["detail"]) == (pointer, True)
    assert stored(store) == []


def test_a_damaged_upload_creates_no_fit(client: httpx2.Client, store: Store) -> None:
    """The flaws are those of a labelset."""
    files = pairs(2)
    del files["masks/image-1.png"]
    answer = send(client, files=as_form(files))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    assert stored(store) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "got none"),
        ({"fit": "{"}, "not valid JSON"),
        ({"fit": "[]"}, "object"),
    ],
    ids=["missing", "cut", "list"],
)
def test_the_part_fit_is_json(client: httpx2.Client, data: Json, message: str) -> None:
    """A form without it, or with other text, is refused."""
    answer = client.post("/v1/fits", data=data, files=as_form(pairs(1)))
    assert answer.status_code == 422
    assert message in answer.text


def test_a_form_needs_files(client: httpx2.Client) -> None:
    """A form with the part `fit` alone is refused."""
    answer = client.post("/v1/fits", files=[("fit", (None, '{"generator": "tiny-32"}'))])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")


def test_another_body_is_refused(client: httpx2.Client) -> None:
    """The error names both media types' fields."""
    headers = {"Content-Type": "text/plain"}
    answer = client.post("/v1/fits", content=b"{}", headers=headers)
    assert answer.status_code == 422
    (flaw,) = answer.json()["errors"]
    assert 'Expected JSON or a form, got a body of type "text/plain"' in flaw["detail"]


def test_validation_checks_both_and_stores_nothing(client: httpx2.Client, store: Store) -> None:
    """The answer has the resolved fit, and the labelset that the files would become."""
    answer = send(client, params={"validate_only": "true"})
    assert answer.status_code == 200, answer.text
    resolved = answer.json()["resolved"]
    assert resolved["generator"]["id"] == "tiny-32"
    assert (resolved["labelset"]["num_images"], "id" in resolved["labelset"]) == (2, False)
    assert stored(store) == []


def test_the_images_of_a_form_are_limited(client: httpx2.Client, store: Store) -> None:
    """The limit is that of a labelset."""
    answer = send(client, files=as_form(pairs(4)))
    assert answer.status_code == client.post("/v1/labelsets", files=as_form(pairs(4))).status_code
    assert "at most 3 images" in answer.text
    assert stored(store) == []


def test_the_files_of_a_form_are_limited(client: httpx2.Client) -> None:
    """The limit is that of a labelset: four files of each image, and a COCO file."""
    files = [("images", (f"{k}.png", b"x")) for k in range(14)]
    answer = send(client, files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "at most 13 files" in answer.json()["detail"]


def test_the_part_fit_has_the_limit_of_json(client: httpx2.Client) -> None:
    """The files beside it may be larger: they have the limit of uploads."""
    noise = png("RGB", (32, 32)) + b" " * 10_000
    large = pairs(1) | {"images/image-0.png": noise}
    with_stored = io.BytesIO()
    with zipfile.ZipFile(with_stored, "w") as archive:
        for name, data in large.items():
            archive.writestr(name, data)
    files = {"archive": ("a.zip", with_stored.getvalue())}
    assert send(client, files=files).status_code == 202
    answer = send(client, files=files, name="x" * 2_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
