"""What an upload sends, and what it refuses to send."""

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
    """A folder of one image and its mask, and what a system hides beside them."""
    folder = tmp_path / "pairs"
    for name in ("images/a.png", "masks/a.png", ".DS_Store", "images/._a.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def names_in(archive: io.BytesIO) -> list[str]:
    """What a zip holds."""
    with zipfile.ZipFile(archive) as found:
        return found.namelist()


def test_a_folder_is_packed_without_what_is_hidden(pairs: Path) -> None:
    """And the classes that were given become its labelset.json."""
    packed = io.BytesIO()
    pack(pairs, packed, schema=SCHEMA)
    assert names_in(packed) == ["labelset.json", "images/a.png", "masks/a.png"]
    with zipfile.ZipFile(packed) as found:
        assert json.loads(found.read("labelset.json")) == SCHEMA


def test_a_folder_is_always_the_same_bytes(pairs: Path) -> None:
    """So the same upload twice, with one Idempotency-Key, is one upload."""
    first, second = io.BytesIO(), io.BytesIO()
    for packed in (first, second):
        pack(pairs, packed, schema=SCHEMA)
        (pairs / "images/a.png").touch()
    assert first.getvalue() == second.getvalue()


def test_a_coco_file_goes_with_its_folder_of_images(pairs: Path, tmp_path: Path) -> None:
    """COCO sets keep images and annotations apart."""
    (tmp_path / "instances.json").write_text("{}")
    packed = io.BytesIO()
    pack(pairs / "images", packed, annotations=tmp_path / "instances.json")
    assert names_in(packed) == ["images/a.png", "annotations.json"]


def test_an_archive_is_sent_as_it_is(tmp_path: Path) -> None:
    """Under its own name."""
    (tmp_path / "labels.tar.gz").write_bytes(b"bytes")
    with opened_archive(tmp_path / "labels.tar.gz") as (name, content):
        assert (name, content.read()) == ("labels.tar.gz", b"bytes")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "There is no"),
        ("pairs", "What do the labels mean"),
        ("pairs/masks", "has no images/"),
        ("pairs/images/a.png", "neither a folder nor an archive"),
    ],
)
def test_what_cannot_be_uploaded_is_refused_here(pairs: Path, name: str, words: str) -> None:
    """Before anything is sent, and with what was expected."""
    with pytest.raises(InvalidInput, match=words), opened_archive(pairs.parent / name):
        pass


def test_a_checkpoint_goes_to_the_link_of_its_upload(service: Service, tmp_path: Path) -> None:
    """Announced by size and digest; a link that has expired is asked for anew."""
    (tmp_path / "face.pkl").write_bytes(b"weights")
    upload = {"id": "upload_1", "put": {"url": "http://store/old"}}
    fresh = {"id": "upload_1", "put": {"url": "http://store/new"}}
    made = {"name": "faces", "source": "", "license": "MIT"}
    service.answers = [
        httpx2.Response(201, json=upload),
        problem(403, "invalid_link"),
        httpx2.Response(200, json=fresh),
        httpx2.Response(204),
        httpx2.Response(202, json=job("generator", "queued", **made)),
    ]
    generator = service.client().generators.upload(
        tmp_path / "face.pkl", name="faces", license="MIT"
    )
    assert generator.status == "queued"
    assert [str(asked.url) for asked in service.asked[1:4:2]] == [
        "http://store/old",
        "http://store/new",
    ]
    assert service.asked[3].content == b"weights"
    assert json.loads(service.asked[4].content)["upload"] == "upload_1"
