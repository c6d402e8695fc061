"""Pack an upload, and refuse an invalid one before it is sent."""

import io
import json
import zipfile
from pathlib import Path

import httpx2
import pytest

from handsoff_client import InvalidInput
from handsoff_client.uploads.packing import opened_archive, pack
from tests.client.conftest import Service, job, problem

SCHEMA = {"classes": ["background", "skin"]}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder with an image, its mask, and hidden files."""
    folder = tmp_path / "pairs"
    for name in ("images/a.png", "masks/a.png", ".DS_Store", "images/._a.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def names_in(archive: io.BytesIO) -> list[str]:
    """Return the names of the files in a zip."""
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_a_folder_is_packed_without_hidden_files(pairs: Path) -> None:
    """The schema becomes its labelset.json."""
    packed = io.BytesIO()
    pack(pairs, packed, schema=SCHEMA)
    assert names_in(packed) == ["labelset.json", "images/a.png", "masks/a.png"]
    with zipfile.ZipFile(packed) as opened:
        assert json.loads(opened.read("labelset.json")) == SCHEMA


def test_a_folder_always_gives_the_same_bytes(pairs: Path) -> None:
    """So two uploads with one Idempotency-Key are one upload."""
    first, second = io.BytesIO(), io.BytesIO()
    for packed in (first, second):
        pack(pairs, packed, schema=SCHEMA)
        (pairs / "images/a.png").touch()
    assert first.getvalue() == second.getvalue()


def test_folders_may_be_in_capitals(tmp_path: Path) -> None:
    """On Windows and macOS, Images and images are one folder."""
    (tmp_path / "Images").mkdir()
    (tmp_path / "Images" / "a.png").write_bytes(b"1")
    packed = io.BytesIO()
    pack(tmp_path, packed, schema=SCHEMA)
    assert names_in(packed) == ["labelset.json", "Images/a.png"]


def test_a_coco_file_is_added_to_its_images(pairs: Path, tmp_path: Path) -> None:
    """COCO data sets have images and annotations in different folders."""
    (tmp_path / "instances.json").write_text("{}")
    packed = io.BytesIO()
    pack(pairs / "images", packed, annotations=tmp_path / "instances.json")
    assert names_in(packed) == ["images/a.png", "annotations.json"]


@pytest.mark.parametrize("place", ["_annotations.coco.json", "annotations/instances.json"])
def test_a_coco_file_may_lie_beside_its_images(tmp_path: Path, place: str) -> None:
    """As in Roboflow's exports. Other files of the folder are no images."""
    for name in ("a.png", "train/b.JPG", "Thumbs.db", "README.txt", place):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    packed = io.BytesIO()
    pack(tmp_path, packed, annotations=tmp_path / place)
    assert names_in(packed) == ["images/a.png", "images/b.JPG", "annotations.json"]


def test_a_coco_file_inside_an_upload_is_packed_once(pairs: Path) -> None:
    """CVAT's exports have images/default/ and annotations/; other labels keep their folders."""
    for name in ("annotations/instances_default.json", "images/default/b.png"):
        (pairs / name).parent.mkdir(parents=True, exist_ok=True)
        (pairs / name).write_text("{}")
    packed = io.BytesIO()
    pack(pairs, packed, annotations=pairs / "annotations/instances_default.json")
    assert names_in(packed) == ["images/a.png", "images/b.png", "masks/a.png", "annotations.json"]


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    """A COCO file names them with folders, but labels are matched by the name."""
    for name in ("train/a.png", "val/a.png", "coco.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    with pytest.raises(InvalidInput, match="have one name"):
        pack(tmp_path, io.BytesIO(), annotations=tmp_path / "coco.json")


def test_an_archive_is_sent_unchanged(tmp_path: Path) -> None:
    """It keeps its name."""
    (tmp_path / "labels.tar.gz").write_bytes(b"bytes")
    with opened_archive(tmp_path / "labels.tar.gz") as (name, content):
        assert (name, content.read()) == ("labels.tar.gz", b"bytes")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "does not exist"),
        ("pairs", "the classes are unknown"),
        ("pairs/masks", "has no images/"),
        ("pairs/images/a.png", "neither a folder nor an archive"),
    ],
)
def test_an_invalid_upload_is_refused_locally(pairs: Path, name: str, message: str) -> None:
    """Nothing is sent, and the message names the expected form."""
    with pytest.raises(InvalidInput, match=message), opened_archive(pairs.parent / name):
        pass


def test_a_checkpoint_is_sent_to_the_link_of_its_upload(service: Service, tmp_path: Path) -> None:
    """Size and digest are announced first. An expired link is renewed."""
    (tmp_path / "face.pkl").write_bytes(b"weights")
    upload = {"id": "upload_1", "put": {"url": "http://store/old"}}
    renewed = {"id": "upload_1", "put": {"url": "http://store/new"}}
    fields = {"name": "faces", "source": "", "license": "MIT"}
    service.answers = [
        httpx2.Response(201, json=upload),
        problem(403, "invalid_link"),
        httpx2.Response(200, json=renewed),
        httpx2.Response(204),
        httpx2.Response(202, json=job("generator", "queued", **fields)),
    ]
    generator = service.client().generators.upload(
        tmp_path / "face.pkl", name="faces", license="MIT", import_options={"px": 64}
    )
    assert generator.status == "queued"
    assert [str(request.url) for request in service.requests[1:4:2]] == [
        "http://store/old",
        "http://store/new",
    ]
    assert service.requests[3].content == b"weights"
    created = json.loads(service.requests[4].content)
    assert (created["upload"], created["import_options"]) == ("upload_1", {"px": 64})
