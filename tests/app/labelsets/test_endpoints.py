"""Tests of `/v1/labelsets` over HTTP, with valid and invalid uploads."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Mapping

import httpx2
import pytest
from PIL import Image

from contracts.ids import DEFAULT_TENANT
from contracts.labelsets import LabelsetManifest
from state import keys, records
from state.settings import Settings
from state.store import Store
from tests.app.uploading import SCHEMA, all_kinds, as_form, halves, pairs, png


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with small limits."""
    return settings.model_copy(
        update={
            "max_labelset_images": 4,
            "max_labelset_pixels": 5_000,
            "max_archive_bytes": 20_000_000,
        }
    )


def refusal(client: httpx2.Client, files: Mapping[str, bytes]) -> dict[str, str]:
    """Upload files that are refused and return the first flaw."""
    answer = client.post("/v1/labelsets", files=as_form(files))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    flaw: dict[str, str] = answer.json()["errors"][0]
    return flaw


def stored(store: Store) -> list[str]:
    """Return the keys of all stored objects of labelsets."""
    prefix = keys.noun_prefix(DEFAULT_TENANT, "labelsets")
    return [info.key for info in store.list(prefix)]


def test_a_zip_becomes_a_labelset(client: httpx2.Client, store: Store) -> None:
    """An upload is stored as plain PNGs, which its manifest pins by digest."""
    answer = client.post("/v1/labelsets", files=as_form(pairs(3)))
    assert (answer.status_code, answer.json()["num_images"]) == (201, 3)
    key = keys.manifest(DEFAULT_TENANT, "labelsets", answer.json()["id"])
    manifest = records.read(store, key, LabelsetManifest)
    assert manifest is not None
    image = Image.open(io.BytesIO(store.get(manifest.entries[1].image.key)))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", (1, 0, 0))


def test_a_tar_becomes_a_labelset(client: httpx2.Client) -> None:
    """A tar is accepted like a zip."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in pairs(1).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    answer = client.post("/v1/labelsets", files={"archive": ("a.tgz", buffer.getvalue())})
    assert answer.status_code == 201


def test_single_files_become_a_labelset(client: httpx2.Client) -> None:
    """Images and masks can be sent as single files with the schema as a form field."""
    files = [
        ("images", ("a.png", png("RGB", (8, 8)))),
        ("masks", ("a.png", halves((8, 8), 1))),
    ]
    answer = client.post("/v1/labelsets", files=files, data={"schema": json.dumps(SCHEMA)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["classes"][1] == {"name": "skin", "num_images": 1, "num_pixels": 32}


def test_an_unknown_field_is_refused_by_name(client: httpx2.Client, store: Store) -> None:
    """Files of a misspelt field would otherwise be lost silently."""
    files = [("images", ("a.png", png("RGB", (8, 8)))), ("mask", ("a.png", png("L", (8, 8), 1)))]
    answer = client.post("/v1/labelsets", files=files, data={"schema": json.dumps(SCHEMA)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "/mask"
    assert "one of the fields archive, images, masks" in answer.json()["errors"][0]["detail"]
    assert stored(store) == []


def test_every_kind_of_label_is_stored(client: httpx2.Client, store: Store) -> None:
    """Masks, keypoints and depth are stored with their image, and the response has their statistics."""
    answer = client.post("/v1/labelsets", files=as_form(all_kinds()))
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert shown["tasks"] == {"segmentation": 1, "keypoints": 2, "depth": 1}
    assert shown["keypoints"] == [
        {"name": "nose", "num_images": 2, "num_seen": 1},
        {"name": "chin", "num_images": 0, "num_seen": 0},
    ]
    assert shown["depth"] == {"nearest": 3.0, "farthest": 3.0, "num_pixels": 64}
    assert [entry["tasks"] for entry in shown["entries"]] == [
        ["segmentation", "keypoints", "depth"],
        ["keypoints"],
    ]
    suffixes = [key.rpartition(".")[2] for key in stored(store) if "/files/" in key]
    assert Counter(suffixes) == {"png": 4, "json": 2}


def test_every_kind_of_label_can_be_sent_as_single_files(client: httpx2.Client) -> None:
    """The form has one field for each folder of an archive."""
    kinds = all_kinds()
    schema = kinds.pop("labelset.json").decode()
    files = [(name.partition("/")[0], (name.partition("/")[2], kinds[name])) for name in kinds]
    answer = client.post("/v1/labelsets", files=files, data={"schema": schema})
    assert answer.status_code == 201, answer.text
    assert answer.json()["tasks"] == {"segmentation": 1, "keypoints": 2, "depth": 1}


def test_a_coco_file_needs_no_schema(client: httpx2.Client) -> None:
    """Classes and keypoints are read from its categories; it can be sent as a single file."""
    region = [[0, 0, 8, 0, 8, 4, 0, 4]]
    person = {"id": 3, "name": "person", "keypoints": ["nose"], "skeleton": []}
    image = {"id": 1, "file_name": "a.png", "width": 8, "height": 8}
    one = {"image_id": 1, "category_id": 3, "segmentation": region, "keypoints": [1, 2, 2]}
    coco = json.dumps({"images": [image], "annotations": [one], "categories": [person]})
    files = [
        ("images", ("a.png", png("RGB", (8, 8)))),
        ("annotations", ("instances.json", coco.encode())),
    ]
    answer = client.post("/v1/labelsets", files=files)
    assert answer.status_code == 201, answer.text
    assert answer.json()["classes"][1] == {"name": "person", "num_images": 1, "num_pixels": 32}
    assert answer.json()["labels"]["keypoints"]["names"] == ["nose"]


def test_an_invalid_label_stores_nothing(client: httpx2.Client, store: Store) -> None:
    """The refusal names the file and the remedy, and nothing of the upload is stored."""
    flaw = refusal(client, all_kinds() | {"depth/a.png": png("L", (8, 8), 9)})
    assert (flaw["file"], "Save it as a 16-bit PNG" in flaw["detail"]) == ("depth/a.png", True)
    assert stored(store) == []


def test_names_may_be_in_any_language(client: httpx2.Client) -> None:
    """Class names, the labelset's name and file names are returned unchanged."""
    schema = json.dumps({"name": "Köpfe", "classes": ["背景", "кожа"]}, ensure_ascii=False)
    files = {
        "labelset.json": b"\xef\xbb\xbf" + schema.encode(),
        "images/é.png": png("RGB", (8, 8)),
        "masks/é.png": halves((8, 8), 1),
    }
    shown = client.post("/v1/labelsets", files=as_form(files)).json()
    assert (shown["name"], shown["labels"]["classes"]) == ("Köpfe", ["背景", "кожа"])
    assert shown["entries"][0]["name"] == "é"


def test_equal_uploads_have_equal_digests(client: httpx2.Client) -> None:
    """The digest identifies the content: two equal uploads are two labelsets with one digest."""
    first, second = (client.post("/v1/labelsets", files=as_form(pairs(1))).json() for _ in range(2))
    assert first["id"] != second["id"]
    assert first["digest"] == second["digest"]


@pytest.mark.parametrize(
    ("changes", "file", "message"),
    [
        ({"images/image-0.png": b"not an image"}, "images/image-0.png", "Save it as PNG"),
        ({"masks/image-0.png": png("L", (31, 32))}, "masks/image-0.png", "same size"),
        ({"masks/image-0.png": png("L", (32, 32), 9)}, "masks/image-0.png", "Correct the mask"),
        (
            {"masks/image-0.png": png("RGB", (32, 32), "red")},
            "masks/image-0.png",
            "index of its class",
        ),
        ({"images/image-0.png": png("RGBA", (32, 32))}, "images/image-0.png", "Flatten the image"),
        ({"masks/image-9.png": png("L", (32, 32))}, "masks/image-9.png", "remove the label"),
        ({"labelset.json": b"{"}, "labelset.json", "not valid JSON"),
        ({"labelset.json": b'{"classes": ["a", "a"]}'}, "labelset.json", "more than once"),
        ({"labelset.json": '{"classes": ["é", "b"]}'.encode("latin-1")}, "labelset.json", "UTF-8"),
        (
            {"labelset.json": b'{"classes": ["a", "\\u0000"]}'},
            "labelset.json",
            "Correct the schema",
        ),
        ({"../evil.png": b""}, "../evil.png", "plain relative path"),
    ],
)
def test_an_invalid_file_is_refused_by_name(
    client: httpx2.Client, store: Store, changes: dict[str, bytes], file: str, message: str
) -> None:
    """The refusal names the file and the remedy, and nothing of the upload is stored."""
    flaw = refusal(client, pairs(2) | changes)
    assert flaw["file"] == file
    assert message in flaw["detail"]
    assert stored(store) == []


def test_all_invalid_files_are_reported_at_once(client: httpx2.Client) -> None:
    """One response lists all invalid files."""
    changes = {f"images/image-{number}.png": b"" for number in range(3)}
    answer = client.post("/v1/labelsets", files=as_form(pairs(3) | changes))
    assert {flaw["file"] for flaw in answer.json()["errors"]} == set(changes)


def test_an_empty_archive_is_refused(client: httpx2.Client) -> None:
    """A labelset needs images."""
    assert "no images" in refusal(client, {"labelset.json": json.dumps(SCHEMA).encode()})["detail"]


def test_a_missing_schema_is_refused(client: httpx2.Client) -> None:
    """Masks need class names; the refusal shows an example."""
    files = pairs(1)
    del files["labelset.json"]
    assert '"classes"' in refusal(client, files)["detail"]


def test_a_form_without_files_is_refused(client: httpx2.Client) -> None:
    """The refusal lists the fields of the form."""
    answer = client.post("/v1/labelsets", files={"schema": (None, b"{}")})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")


def test_a_zip_bomb_is_refused(client: httpx2.Client, store: Store) -> None:
    """Unpacking a few kilobytes to 30 MB is stopped at the limit."""
    flaw = refusal(client, pairs(1) | {"images/bomb.png": bytes(30_000_000)})
    assert "unpacks to at most" in flaw["detail"]
    assert stored(store) == []


def test_too_many_images_are_refused(client: httpx2.Client) -> None:
    """The number of images is limited."""
    assert "at most 4" in refusal(client, pairs(5))["detail"]


def test_too_many_pixels_are_refused(client: httpx2.Client) -> None:
    """The pixels of all images together are limited."""
    assert "at most 5000 pixels in all images" in refusal(client, pairs(2, size=(64, 64)))["detail"]


def test_too_large_a_body_is_refused(client: httpx2.Client) -> None:
    """The bytes of an upload are limited."""
    files = {"archive": ("a.zip", bytes(500_000))}
    answer = client.post("/v1/labelsets", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_too_many_files_are_refused(client: httpx2.Client) -> None:
    """The files of a form are limited: four for each image, and one for annotations."""
    files = [("images", (f"{number}.png", b"")) for number in range(4 * 4 + 2)]
    answer = client.post("/v1/labelsets", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "at most 17 files" in answer.json()["detail"]


def test_a_labelset_can_be_deleted(client: httpx2.Client, store: Store) -> None:
    """Its files are deleted, the tombstone remains, and GET returns 410."""
    path = client.post("/v1/labelsets", files=as_form(pairs(1))).headers["Location"]
    assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
    assert client.get(path).status_code == 410
    assert [key.rpartition("/")[2] for key in stored(store)] == ["tombstone.json"]


def test_a_list_has_labelsets_without_images(client: httpx2.Client, labelset_id: str) -> None:
    """A list has each labelset without its entries."""
    (listed,) = client.get("/v1/labelsets").json()["items"]
    assert (listed["id"], listed["num_images"], "entries" in listed) == (labelset_id, 2, False)


def test_a_path_instead_of_a_file_is_explained(client: httpx2.Client) -> None:
    """Without curl's `@`, the form has the file's path as text; the message explains it."""
    answer = client.post("/v1/labelsets", files={"archive": (None, b"labels.zip")})
    flaw = answer.json()["errors"][0]
    assert (answer.status_code, flaw["pointer"]) == (422, "/archive")
    assert "-F archive=@" in flaw["detail"]
