"""Fits over HTTP."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.fits.fit import FitRequest
from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from contracts.labelsets import LabelsetManifest
from contracts.schemas import LabelSchema
from state import keys, records
from state.store import Store
from tests.app.uploading import CLASSES, as_form, pairs


def test_a_create_is_accepted_and_queued(
    client: httpx2.Client, labelset_id: str, queued: Callable[[str], list[str]]
) -> None:
    """The answer has the address of the job, and exactly one call is in the queue."""
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "labelset": labelset_id})
    job = answer.json()
    assert (answer.status_code, job["status"]) == (202, "queued")
    assert answer.headers["Location"].endswith(f"/v1/fits/{job['id']}")
    assert int(answer.headers["Retry-After"]) >= 1
    assert queued("fit") == [f"{job['id']}-1"]


def test_the_stored_request_is_resolved(
    client: httpx2.Client, fit_id: str, store: Store, generator: StoredGenerator
) -> None:
    """It pins generator, inverter and labelset by digest, and has every option as a number."""
    request = records.read_request(store, JobRef(tenant=DEFAULT_TENANT, id=fit_id), FitRequest)
    assert request is not None
    assert request.generator.digest == generator.digest
    assert request.inverter_digest is not None
    assert request.options.inversion.steps > 0
    assert request.labels.classes == tuple(CLASSES)


def store_kinds(store: Store, labelset_id: str, **kinds: object) -> str:
    """Store a copy of a labelset with keypoints and depth. `kinds` changes the schema. Returns its id."""
    manifest = records.read(
        store, keys.manifest(DEFAULT_TENANT, "labelsets", labelset_id), LabelsetManifest
    )
    assert manifest is not None
    schema = {
        "classes": CLASSES,
        "keypoints": {"names": ["nose"]},
        "depth": {"unit": "m", "scale": 0.001},
    }
    fields = {"keypoints": manifest.entries[0].image, "depth": manifest.entries[0].image}
    other = manifest.model_copy(
        update={
            "id": new_id("labelset"),
            "labels": LabelSchema.model_validate(schema | kinds),
            "entries": tuple(
                entry.model_copy(update=fields | {"visibility": (2,)}) for entry in manifest.entries
            ),
        }
    )
    records.write(store, keys.manifest(DEFAULT_TENANT, "labelsets", other.id), other)
    return other.id


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        ({}, ["segmentation", "keypoints", "depth"]),
        ({"tasks": ["depth", "keypoints"]}, ["keypoints", "depth"]),
    ],
)
def test_the_tasks_are_those_with_labels_or_the_requested_ones(
    client: httpx2.Client, store: Store, labelset_id: str, options: object, tasks: list[str]
) -> None:
    """The stored request has the schema of these tasks only."""
    labelset = store_kinds(store, labelset_id)
    body = {"generator": "tiny-32", "labelset": labelset, "options": options}
    shown = client.post("/v1/fits", json=body).json()
    assert shown["options"]["tasks"] == tasks
    request = records.read_request(store, JobRef(tenant=DEFAULT_TENANT, id=shown["id"]), FitRequest)
    assert request is not None
    assert list(request.labels.tasks) == tasks


def test_a_task_without_labels_is_refused(client: httpx2.Client, labelset_id: str) -> None:
    """The flaw says which tasks the labelset has labels for."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": {"tasks": ["depth"]}}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/tasks"
    assert f"labels for depth in {labelset_id}, found labels for segm" in flaw["detail"]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"keypoints": {"names": ["chin"]}}, "Its keypoints are chin"),
        ({"depth": {"unit": "mm", "scale": 1}}, "Its units of depth are mm"),
        ({"classes": ["background", "hair"]}, "Its classes are background, hair"),
    ],
)
def test_validation_labels_mean_the_same(
    client: httpx2.Client, store: Store, labelset_id: str, kinds: dict[str, object], message: str
) -> None:
    """Other names or another unit are refused, because the scores would be wrong."""
    body = {
        "generator": "tiny-32",
        "labelset": store_kinds(store, labelset_id),
        "validation_labelset": store_kinds(store, labelset_id, **kinds),
    }
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert (flaw["pointer"], message in flaw["detail"]) == ("/validation_labelset", True)


def test_validation_labels_are_for_at_least_one_task(
    client: httpx2.Client, store: Store, labelset_id: str
) -> None:
    """A labelset with only depth cannot score a fit of masks; one with masks and depth can."""
    depth = store_kinds(store, labelset_id, classes=[], keypoints=None)
    body = {"generator": "tiny-32", "labelset": labelset_id, "validation_labelset": depth}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert "It has labels for depth, but the fit learns segmentation" in flaw["detail"]
    both = body | {"validation_labelset": store_kinds(store, labelset_id)}
    assert client.post("/v1/fits", json=both).status_code == 202


def test_a_queued_fit_has_a_queue_position(client: httpx2.Client, fit_id: str) -> None:
    """It is the number of jobs ahead."""
    assert client.get(f"/v1/fits/{fit_id}").json()["queue_position"] == 0


def test_a_finished_fit_has_metrics_and_a_sheet(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """The sheet can be read by its link."""
    fit = client.get(f"/v1/fits/{finished_fit_id}").json()
    assert fit["status"] == "succeeded"
    assert fit["metrics"]["images"][0]["psnr_db"] == 30.0
    assert client.get(fit["sheet"]["url"]).content == b"a picture"


def test_an_unknown_generator_is_refused(client: httpx2.Client, labelset_id: str) -> None:
    """The error names the field and lists the generators."""
    answer = client.post("/v1/fits", json={"generator": "nope", "labelset": labelset_id})
    (flaw,) = answer.json()["errors"]
    assert (answer.status_code, flaw["pointer"]) == (422, "/generator")
    assert "tiny-32" in flaw["detail"]


def test_an_unknown_labelset_is_refused(client: httpx2.Client) -> None:
    """The error names the field."""
    body = {"generator": "tiny-32", "labelset": new_id("labelset")}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/labelset")


@pytest.mark.parametrize("inverter", ["0" * 64, "newest", 1])
def test_an_unknown_inverter_is_refused(
    client: httpx2.Client, labelset_id: str, inverter: str | int
) -> None:
    """The error names the field; no other inverter is used instead."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "inverter": inverter}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/inverter")


def test_images_with_another_aspect_ratio_are_refused(client: httpx2.Client) -> None:
    """The error names the image and says what to do."""
    upload = client.post("/v1/labelsets", files=as_form(pairs(1, size=(32, 24)))).json()
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "labelset": upload["id"]})
    (flaw,) = answer.json()["errors"]
    assert flaw["file"] == "image-0"
    assert "32 x 24" in flaw["detail"]
    assert "Crop" in flaw["detail"]


def test_larger_images_with_the_same_aspect_ratio_are_accepted(client: httpx2.Client) -> None:
    """Images are resized to the generator's size, so only the aspect ratio counts."""
    upload = client.post("/v1/labelsets", files=as_form(pairs(1, size=(100, 100)))).json()
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "labelset": upload["id"]})
    assert answer.status_code == 202


def test_a_validation_labelset_has_the_same_classes(
    client: httpx2.Client, labelset_id: str
) -> None:
    """Images with other classes cannot be scored, so they are refused."""
    files = pairs(1) | {"labelset.json": b'{"classes": ["background", "skin", "hat"]}'}
    other = client.post("/v1/labelsets", files=as_form(files)).json()["id"]
    body = {"generator": "tiny-32", "labelset": labelset_id, "validation_labelset": other}
    answer = client.post("/v1/fits", json=body)
    assert answer.json()["errors"][0]["pointer"] == "/validation_labelset"


@pytest.mark.parametrize(
    "options",
    [
        {"inversion": {"steps": 0}},
        {"inversion": {"preset": "guess"}},
        {"ensemble": {"num_members": 1_000}},
        {"ensembel": {}},
    ],
)
def test_options_out_of_range_are_refused(
    client: httpx2.Client, labelset_id: str, options: dict[str, object]
) -> None:
    """The error names the invalid or misspelt option."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    answer = client.post("/v1/fits", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/options/")


def test_a_refused_fit_stores_nothing(client: httpx2.Client, store: Store) -> None:
    """The store has no object of a fit."""
    client.post("/v1/fits", json={"generator": "nope", "labelset": new_id("labelset")})
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "fits"))) == []


def test_an_unknown_fit_is_not_found(client: httpx2.Client) -> None:
    """An unknown id is 404, and text that is not an id is 422."""
    assert client.get(f"/v1/fits/{new_id('fit')}").status_code == 404
    assert client.get("/v1/fits/nonsense").status_code == 422
