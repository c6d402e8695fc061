"""Labelings over HTTP."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from contracts.labelings import (
    LabelingManifest,
    LabelingRequest,
    LabelingShardRecord,
    LabelledImage,
    PixelBox,
    UnreadableImage,
    labeling_manifest,
)
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.uploading import png, zipped

ARCHIVE = zipped({"a.png": png("RGB", (8, 8)), "b.png": png("RGB", (8, 8))})


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with small limits."""
    return settings.model_copy(update={"max_labeling_images": 3})


def send(client: httpx2.Client, fit: str, **fields: Any) -> httpx2.Response:
    """Create a labeling with an archive in the form."""
    files = {"archive": ("photos.zip", ARCHIVE)}
    return client.post("/v1/labelings", data={"fit": fit, **fields}, files=files)


def send_images(client: httpx2.Client, fit: str, *names: str) -> httpx2.Response:
    """Create a labeling with single images in the form."""
    files = [("images", (name, png("RGB", (8, 8)))) for name in names]
    return client.post("/v1/labelings", data={"fit": fit}, files=files)


def archive_of(store: Store, labeling_id: str) -> bytes:
    """Return the archive that a labeling pins."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=labeling_id)
    request = records.read_request(store, ref, LabelingRequest)
    assert request is not None
    data = store.get(request.original.key)
    assert sha256_of(data) == request.original.sha256
    return data


def test_an_archive_in_a_form_is_queued(
    client: httpx2.Client,
    finished_fit_id: str,
    store: Store,
    queued: Callable[[str], list[str]],
) -> None:
    """The fit's worker gets one job, whose request pins the fit and the bytes."""
    answer = send(client, finished_fit_id, aspect="pad", shard_size="2", name="street")
    assert answer.status_code == 202, answer.text
    shown = answer.json()
    assert queued("fit")[-1] == f"{shown['id']}-1"
    assert (shown["aspect"], shown["shard_size"], shown["name"]) == ("pad", 2, "street")
    assert (shown["fit"]["id"], shown["metrics"]) == (finished_fit_id, None)
    assert archive_of(store, shown["id"]) == ARCHIVE


def test_single_images_become_an_archive(
    client: httpx2.Client, finished_fit_id: str, store: Store
) -> None:
    """Their names stay, without folders; the same images give the same bytes."""
    shown = [
        send_images(client, finished_fit_id, "one.png", "folder/two.JPG").json() for _ in range(2)
    ]
    first, second = (archive_of(store, one["id"]) for one in shown)
    assert first == second
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["one.png", "two.JPG"]


def test_an_upload_is_used_by_one_labeling(client: httpx2.Client, finished_fit_id: str) -> None:
    """The bytes arrive before the labeling; a second labeling of them is refused."""
    announced = {"num_bytes": len(ARCHIVE), "sha256": sha256_of(ARCHIVE)}
    upload = client.post("/v1/uploads", json=announced).json()
    body = {"fit": finished_fit_id, "upload": upload["id"]}
    early = client.post("/v1/labelings", json=body)
    assert (early.status_code, early.json()["code"]) == (409, "upload_incomplete")
    client.put(upload["put"]["url"], content=ARCHIVE)
    assert client.post("/v1/labelings", json=body).status_code == 202
    late = client.post("/v1/labelings", json=body)
    assert (late.status_code, late.json()["code"]) == (409, "upload_used")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.png", "x/a.png"), "Expected different names"),
        (("a.gif",), "ends in .png, .jpg, .jpeg, .webp"),
        (("a" * 300 + ".png",), "at most 200 bytes"),
    ],
)
def test_wrong_images_are_refused(
    client: httpx2.Client, finished_fit_id: str, names: tuple[str, ...], message: str
) -> None:
    """The error names the file, and nothing is queued."""
    answer = send_images(client, finished_fit_id, *names)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    assert message in answer.text


def test_an_archive_and_images_together_are_refused(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """It would be unclear which of them to label."""
    files = {"archive": ("a.zip", ARCHIVE), "images": ("a.png", png("RGB", (8, 8)))}
    answer = client.post("/v1/labelings", data={"fit": finished_fit_id}, files=files)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    assert "not both" in answer.json()["detail"]


def test_too_many_images_are_refused(client: httpx2.Client, finished_fit_id: str) -> None:
    """The limit counts the files of the form."""
    answer = send_images(client, finished_fit_id, *(f"{index}.png" for index in range(4)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("field", "value"),
    [("aspect", "stretch"), ("image_format", "gif"), ("shard_size", "0"), ("condition", "0")],
)
def test_values_out_of_range_are_refused(
    client: httpx2.Client, finished_fit_id: str, field: str, value: str
) -> None:
    """The error names the field. The generator has no classes, so it takes no condition."""
    answer = send(client, finished_fit_id, **{field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.usefixtures("conditional")
def test_the_class_of_all_images_is_pinned(
    client: httpx2.Client, finished_fit_id: str, conditional: StoredGenerator
) -> None:
    """A class that the generator lacks is refused."""
    assert send(client, finished_fit_id, condition="2").json()["condition"] == 2
    answer = send(client, finished_fit_id, condition=str(conditional.num_classes))
    assert "classes from 0 to 2" in answer.json()["errors"][0]["detail"]


def test_a_labeling_needs_a_fit_that_has_succeeded(client: httpx2.Client, fit_id: str) -> None:
    """The answer is 409 while the fit is queued, and no upload is kept."""
    answer = send(client, fit_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "fit_not_ready")


def test_an_unknown_fit_is_refused(client: httpx2.Client, store: Store) -> None:
    """The error names the field, and the archive is not stored."""
    answer = send(client, new_id("fit"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/fit")
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "uploads"))) == []


def test_a_repeated_key_returns_the_first_labeling(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """The same form is the same request."""
    files = {"archive": ("photos.zip", ARCHIVE)}
    headers = {"Idempotency-Key": "one"}
    answers = [
        client.post("/v1/labelings", data={"fit": finished_fit_id}, files=files, headers=headers)
        for _ in range(2)
    ]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def finish(store: Store, ledger: Ledger, labeling_id: str) -> LabelingManifest:
    """Finish a labeling as a worker does, with placeholder bytes as its shard."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=labeling_id)
    request = records.read_request(store, ref, LabelingRequest)
    assert request is not None
    tar = Artefact(key=keys.shard_tar(ref, 0, "one"), sha256=sha256_of(b"tar"), num_bytes=3)
    store.put(tar.key, b"tar")
    images = tuple(
        LabelledImage(
            index=index,
            name=f"{index}.png",
            width_px=8,
            height_px=8,
            box=PixelBox(left=0, top=0, right=8, bottom=8),
            score=score,
            scores={"segmentation": score},
            expressibility=0.4,
            is_expressible=False,
            psnr_db=20.0,
        )
        for index, score in enumerate((0.1, 0.3, 0.2))
    )
    record = LabelingShardRecord(
        index=0,
        tar=tar,
        images=images,
        unreadable=(UnreadableImage(index=3, name="3.png", reason="no image"),),
        class_pixels=(10, 5, 1),
        class_images=(3, 3, 0),
        started_at=now(),
        finished_at=now(),
        label_seconds=0.1,
    )
    manifest = labeling_manifest(request, {0: record}, num_other_files=2)
    return records.finish(store, ledger, ref, manifest)


def test_a_finished_labeling_shows_its_images(
    client: httpx2.Client, finished_fit_id: str, store: Store, ledger: Ledger
) -> None:
    """Most uncertain first, with counts; the shard has a signed link."""
    labeling_id = send(client, finished_fit_id).json()["id"]
    path = f"/v1/labelings/{labeling_id}"
    assert client.get(f"{path}/shards").json()["code"] == "not_rendered"
    finish(store, ledger, labeling_id)
    shown = client.get(path).json()["metrics"]
    assert [one["index"] for one in shown["most_uncertain"]] == [1, 2, 0]
    assert (shown["num_images"], shown["num_samples"], shown["num_unreadable"]) == (4, 3, 1)
    assert (shown["num_inexpressible"], shown["num_other_files"]) == (3, 2)
    assert shown["classes"][2] == {"name": "hair", "share": 0.0, "num_pixels": 1}
    [shard] = client.get(f"{path}/shards").json()["items"]
    assert client.get(shard["url"]).content == b"tar"
    manifest = client.get(f"{path}/manifest").json()
    assert [one["index"] for one in manifest["images"]] == [1, 2, 0]


def test_a_labeling_is_exported_like_a_batch(
    client: httpx2.Client,
    finished_fit_id: str,
    store: Store,
    ledger: Ledger,
    queued: Callable[[str], list[str]],
) -> None:
    """The export is queued once the labeling has succeeded; a format without its labels is refused."""
    labeling_id = send(client, finished_fit_id).json()["id"]
    path = f"/v1/labelings/{labeling_id}/export"
    query: dict[str, str | int] = {"format": "coco", "wait": 0}
    assert client.get(path, params=query).json()["code"] == "not_rendered"
    finish(store, ledger, labeling_id)
    answer = client.get(path, params=query)
    assert (answer.status_code, answer.json()["code"]) == (503, "export_not_ready")
    assert queued("cpu") == [f"{labeling_id}-export-coco-1"]
    assert client.get(path, params={"format": "yolo-pose"}).status_code == 422


def test_a_labeling_is_listed_and_deleted(
    client: httpx2.Client, finished_fit_id: str, store: Store, ledger: Ledger
) -> None:
    """With its shards."""
    labeling_id = send(client, finished_fit_id).json()["id"]
    finish(store, ledger, labeling_id)
    assert [one["id"] for one in client.get("/v1/labelings").json()["items"]] == [labeling_id]
    assert client.delete(f"/v1/labelings/{labeling_id}").status_code == 204
    assert client.get(f"/v1/labelings/{labeling_id}").status_code == 410
    left = [one.key for one in store.list(keys.noun_prefix(DEFAULT_TENANT, "labelings"))]
    assert left == [keys.job_tombstone(JobRef(tenant=DEFAULT_TENANT, id=labeling_id))]
