"""The quick look at labelled images before they are sent."""

import io
import json
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handsoff_client import Generator, InvalidInput
from handsoff_client.http.parsing import parse
from handsoff_client.uploads.inspection import aspect_flaws, inspect
from tests.app.uploading import pairs, png
from tests.client.conftest import job

Change = Callable[[dict[str, bytes]], object]


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder of these files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def flaws_of(path: Path, **how: Any) -> list[str]:
    """Every flaw as a sentence."""
    return [str(flaw) for flaw in inspect(path, **how).flaws]


def turned(width: int, height: int) -> bytes:
    """A JPEG that EXIF turns by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def npy(*shape: int) -> bytes:
    """A depth map."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(shape, np.float32))
    return buffer.getvalue()


def test_a_sound_folder_has_no_flaw(tmp_path: Path) -> None:
    """And its parts are counted."""
    found = inspect(written(tmp_path, pairs(3)))
    assert found.flaws == []
    assert found.counts == {"images": 3, "masks": 3, "keypoints": 0, "depth": 0}
    assert found.images["image-0"] == ("images/image-0.png", (32, 32))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "wrapped zip"])
def test_an_archive_is_looked_at_like_a_folder(tmp_path: Path, kind: str) -> None:
    """Also one whose files all lie in one folder."""
    path, top = (
        tmp_path / f"labels.{kind.rsplit(maxsplit=1)[-1]}",
        "faces/" if "wrapped" in kind else "",
    )
    if kind.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in pairs(2).items():
                archive.writestr(top + name, data)
    else:
        with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as tar:
            for name, data in pairs(2).items():
                header = tarfile.TarInfo(f"./{name}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
    assert inspect(path).counts["masks"] == 2
    assert flaws_of(path) == []


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (
            lambda f: f.update({"images/image-1.png": b"no picture"}),
            "images/image-1.png: The file is not an image, or it is damaged.",
        ),
        (
            lambda f: f.update({"images/image-1.png": f["images/image-1.png"][:60]}),
            "images/image-1.png: The file cannot be read as an image:",
        ),
        (
            lambda f: f.pop("images/image-1.png"),
            "masks/image-1.png: The label has no image. Add images/image-1.png, or remove it.",
        ),
        (
            lambda f: f.pop("masks/image-1.png"),
            "images/image-1.png: The image has no label. Add masks/image-1.png",
        ),
        (
            lambda f: f.update({"masks/image-1.png": png("L", (32, 16), 0)}),
            "masks/image-1.png: The label is 32 x 16 px, but images/image-1.png is 32 x 32.",
        ),
        (
            lambda f: f.update({"depth/image-1.npy": npy(32, 31)}),
            "depth/image-1.npy: The label is 31 x 32 px",
        ),
        (
            lambda f: f.update({"depth/image-1.npy": npy(32, 32, 3)}),
            "depth/image-1.npy: The file cannot be read as an array: expected an array [height, width]",
        ),
        (
            lambda f: f.update({"keypoints/image-1.json": b"[]"}),
            "keypoints/image-1.json: The file cannot be read as JSON: expected an object in braces.",
        ),
        (
            lambda f: f.update({"keypoints/image-1.json": b"{"}),
            "keypoints/image-1.json: The file cannot be read as JSON:",
        ),
        (
            lambda f: f.update({"labelset.json": b"\xff"}),
            "labelset.json: The file cannot be read as JSON:",
        ),
        (
            lambda f: f.update({"images/image-1.jpg": turned(32, 32)}),
            "images/image-1.png: images/image-1.jpg has the same name up to its suffix.",
        ),
        (lambda f: [f.pop(name) for name in list(f) if name.startswith("images")], "There are no"),
    ],
)
def test_one_flaw_is_one_sentence_that_names_its_file(
    tmp_path: Path, change: Change, flaw: str
) -> None:
    """And what to do; the other files are blamed for nothing."""
    files = pairs(3)
    change(files)
    found = flaws_of(written(tmp_path, files))
    assert len(found) == 1, found
    assert found[0].startswith(flaw)
    assert len(found[0]) < 300
    assert "<" not in found[0]


def test_sizes_are_compared_upright(tmp_path: Path) -> None:
    """A camera's JPEG lies on its side, and its mask does not."""
    files = {
        "images/a.jpg": turned(20, 10),
        "masks/a.png": png("L", (10, 20), 0),
        "labelset.json": b"{}",
    }
    assert flaws_of(written(tmp_path, files)) == []


def test_one_letter_may_be_written_in_two_ways(tmp_path: Path) -> None:
    """MacOS takes the accent off its letter, others do not."""
    one, other = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    files = {
        f"images/{one}.png": png("RGB", (8, 8), (0, 0, 0)),
        f"masks/{other}.png": png("L", (8, 8), 0),
    }
    assert flaws_of(written(tmp_path, files)) == []


def test_images_of_a_coco_file_need_no_label_of_their_own(tmp_path: Path) -> None:
    """What it labels is the service's to check; the folder may be that of the images."""
    images = {name: data for name, data in pairs(2).items() if name.startswith("images")}
    (tmp_path / "coco.json").write_text("{}")
    folder = written(tmp_path / "set", images) / "images"
    found = inspect(folder, annotations=tmp_path / "coco.json")
    assert (found.flaws, found.counts["images"]) == ([], 2)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"no archive", b"PK\x03\x04" + bytes(40)])
def test_what_is_no_archive_is_said(tmp_path: Path, data: bytes) -> None:
    """With its name, and what to make."""
    (tmp_path / "labels.zip").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"labels\.zip' cannot be read as a zip or tar"):
        inspect(tmp_path / "labels.zip")


def test_an_image_of_another_shape_than_the_generators_is_named(tmp_path: Path) -> None:
    """Within one pixel; only headers are read."""
    files = {
        "images/wide.png": png("RGB", (64, 48), (0, 0, 0)),
        "images/near.png": png("RGB", (48, 47), (0, 0, 0)),
        "images/tall.jpg": turned(48, 64),
    }
    of_32 = {"name": "Tiny", "source": "", "license": "", "height_px": 32, "width_px": 32}
    generator = parse(Generator, job("generator", "succeeded", **of_32))
    found = inspect(written(tmp_path, files), decode=False)
    named = [flaw.file for flaw in aspect_flaws(found, generator)]
    assert named == ["images/tall.jpg", "images/wide.png"]
    assert "64 x 48 px, but generator 'generator_1' makes 32 x 32" in str(
        list(aspect_flaws(found, generator))[1]
    )


def test_the_file_of_a_look_is_not_changed(tmp_path: Path) -> None:
    """Nothing is written beside it."""
    folder = written(tmp_path, pairs(1))
    before = sorted(path.stat().st_mtime_ns for path in folder.rglob("*"))
    inspect(folder)
    assert sorted(path.stat().st_mtime_ns for path in folder.rglob("*")) == before
    assert json.loads((folder / "labelset.json").read_text())["name"] == "faces"
