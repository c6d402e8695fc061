"""Trainings of generators over HTTP: create from a form or an upload, the report, the early end."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from contracts.base import Artefact
from contracts.digests import sha256_of
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorRequest,
    StoredGenerator,
)
from contracts.generators.training import TrainingReport, TrainingSnapshot
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import keys, records
from state.store import Store

OPTIONS = {"px": 64, "images": 1_000}
FILE = {"file": ("faces.zip", b"an archive")}


def post(client: httpx2.Client, training: object, **more: str) -> httpx2.Response:
    """Send a form with an archive."""
    text = training if isinstance(training, str) else json.dumps(training)
    return client.post(
        "/v1/generators", files=FILE, data={"name": "faces", "training": text, **more}
    )


@pytest.fixture
def trained(client: httpx2.Client) -> JobRef:
    """Return a generator whose training is queued."""
    answer = post(client, OPTIONS)
    assert answer.status_code == 202, answer.text
    return JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])


def test_a_form_queues_a_training(
    client: httpx2.Client, trained: JobRef, store: Store, queued: Callable[[str], list[str]]
) -> None:
    """It waits in its own queue; the request pins the archive and the options; the view shows both."""
    request = records.read_request(store, trained, GeneratorRequest)
    assert request is not None
    assert request.training is not None
    assert (request.training.images, request.training.hours) == (1_000, None)
    assert queued("train") == [f"{trained.id}-1"]
    assert queued("cpu") == []
    shown = client.get(f"/v1/generators/{trained.id}").json()
    assert (shown["status"], shown["queue_position"]) == ("queued", 0)
    assert shown["training"]["options"]["px"] == 64
    assert shown["training"]["images_seen"] is None
    assert shown["links"]["stop"].endswith(f"/v1/generators/{trained.id}/stop")


def test_an_upload_becomes_a_training(
    client: httpx2.Client, queued: Callable[[str], list[str]]
) -> None:
    """Without hours or images the training takes two hours."""
    data = b"an archive"
    announced = {"num_bytes": len(data), "sha256": sha256_of(data)}
    upload = client.post("/v1/uploads", json=announced).json()
    client.put(upload["put"]["url"], content=data)
    body = {"name": "faces", "upload": upload["id"], "training": {"family": "diffusion"}}
    answer = client.post("/v1/generators", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["training"]["options"]["hours"] == 2.0
    assert queued("train") == [f"{answer.json()['id']}-1"]


REFUSED: dict[str, tuple[object, str, str]] = {
    "an unknown family": ({"family": "biggan"}, "/training/family", "(stylegan2, diffusion)"),
    "augmentation of diffusion": (
        {"family": "diffusion", "augment": True},
        "/training/augment",
        "has no augmentation",
    ),
    "an inverter of diffusion": (
        {"family": "diffusion", "inverter_images": 5},
        "/training/inverter_images",
        "needs no inverter",
    ),
    "two budgets": ({"hours": 1, "images": 5}, "/training", "expected hours or images, got both"),
    "a misspelt option": ({"pixels": 64}, "/training/pixels", ""),
    "a size out of range": ({"px": 4}, "/training/px", ""),
    "no JSON": ("px=64", "/training", 'as JSON such as {"px": 64, "hours": 2}'),
    "endless hours": ({"hours": 10_000}, "/training/hours", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_options_are_refused(client: httpx2.Client, case: str) -> None:
    """The answer is 422 with the field, and nothing is queued."""
    training, pointer, message = REFUSED[case]
    answer = post(client, training)
    assert answer.status_code == 422, answer.text
    flaws: list[dict[str, Any]] = answer.json()["errors"]
    assert any(flaw["pointer"].startswith(pointer) for flaw in flaws), flaws
    assert message in answer.text.replace('\\"', '"')
    assert client.get("/v1/generators").json()["items"][0]["id"] == "tiny-32"


def test_a_training_has_no_import_options(client: httpx2.Client) -> None:
    """The options of a checkpoint mean nothing for images."""
    answer = post(client, OPTIONS, import_options='{"px": 64}')
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/import_options"


def test_a_running_training_shows_its_report(
    client: httpx2.Client, trained: JobRef, store: Store
) -> None:
    """Facts, expected time, speed, and snapshots with links to their sheets; the ETag ignores the links."""
    store.put("tenants/default/sheet", b"a picture")
    sheet = Artefact(key="tenants/default/sheet", sha256=sha256_of(b"a picture"), num_bytes=9)
    snapshots = tuple(
        TrainingSnapshot(images_seen=seen, seconds=seen / 10, fd=fd, losses={}, sheet=sheet)
        for seen, fd in ((100, 0.9), (200, 0.4), (300, 0.5))
    )
    report = TrainingReport(
        device="cpu",
        height_px=64,
        width_px=64,
        num_images=5_000,
        facts=("5,000 images, all of 64x64 px",),
        warnings=("few",),
        expected_seconds=100.0,
        images_seen=300,
        total_images=1_000,
        seconds=30.0,
        images_per_second=10.0,
        seconds_left=70.0,
        snapshots=snapshots,
    )
    records.write(store, keys.training_report(trained), report)
    first, second = (client.get(f"/v1/generators/{trained.id}") for _ in range(2))
    shown = first.json()["training"]
    assert (shown["best_images_seen"], shown["seconds_left"], shown["facts"][0][:5]) == (
        200,
        70.0,
        "5,000",
    )
    assert client.get(shown["snapshots"][1]["sheet"]["url"]).content == b"a picture"
    assert first.headers["ETag"] == second.headers["ETag"]


def test_a_training_can_be_stopped(client: httpx2.Client, trained: JobRef, store: Store) -> None:
    """The request is stored for the worker; repeating it changes nothing."""
    for _ in range(2):
        answer = client.post(f"/v1/generators/{trained.id}/stop")
        assert answer.status_code == 202, answer.text
    assert store.head(keys.training_stop(trained)) is not None


def test_only_a_training_can_be_stopped(client: httpx2.Client) -> None:
    """An import has no result before its end; the message names cancel."""
    answer = client.post("/v1/generators/tiny-32/stop")
    assert answer.status_code == 409
    assert answer.json()["code"] == "not_trained"
    assert "cancel" in answer.json()["detail"]
    assert client.post("/v1/generators/nope/stop").status_code == 404


def test_a_training_may_start_from_a_generator(
    client: httpx2.Client, store: Store, generator: StoredGenerator
) -> None:
    """The request keeps its id."""
    key = keys.job_manifest(JobRef(tenant=DEFAULT_TENANT, id=generator.id))
    manifest = records.read(store, key, GeneratorManifest)
    assert manifest is not None
    complete = generator.model_copy(update={"discriminator": generator.weights})
    records.write(store, key, manifest.model_copy(update={"generator": complete}))
    answer = post(client, {**OPTIONS, "start_from": generator.id})
    assert answer.status_code == 202, answer.text
    ref = JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])
    request = records.read_request(store, ref, GeneratorRequest)
    assert request is not None
    assert request.training is not None
    assert request.training.start_from == generator.id


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start_from": "nope-64"}, "nope-64"),
        ({"family": "diffusion"}, "of the family 'stylegan2'"),
        ({}, "with its discriminator"),
    ],
    ids=["missing", "of another family", "without a discriminator"],
)
def test_a_start_that_cannot_be_used_is_refused(
    client: httpx2.Client, generator: StoredGenerator, options: dict[str, str], expected: str
) -> None:
    """The error points at the option."""
    answer = post(client, {**OPTIONS, "start_from": generator.id, **options})
    assert answer.status_code == 422
    [flaw] = answer.json()["errors"]
    assert flaw["pointer"] == "/training/start_from"
    assert expected in flaw["detail"]
